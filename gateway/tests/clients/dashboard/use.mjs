// What people do with the page: filters, the address, tokens, settings, what comes live.
import { answered, api, compare, figuresOf, near, open, operate, plan, visit, window, wrong } from './harness.mjs'

export default {
  async a_click_filters_and_the_browser_goes_back() {
    const page = await open()
    const [all, filtered] = plan.filtered
    await visit(page, all.search)
    await compare(page, all)
    await page.click('[data-panel="countries"] li[data-value="FR"] button')
    await page.waitForFunction(() => location.search.includes('f=country%3DFR'))
    await answered(page)
    await compare(page, filtered)
    if (!(await page.$('.chip'))) wrong('the filter has no chip')
    await page.goBack()
    await page.waitForFunction(() => !document.querySelector('.chip'))
    await answered(page)
    await compare(page, all)
    await page.goForward()
    await page.waitForSelector('.chip')
    await answered(page)
    await compare(page, filtered)
    await page.reload()
    await answered(page)
    await compare(page, filtered)
    await page.click('.chip button')
    await page.waitForFunction(() => !document.querySelector('.chip'))
    await answered(page)
    await compare(page, all)
  },

  async a_filter_without_a_cube_says_so_and_one_click_declares_it() {
    const page = await open()
    await visit(page, '?site=shop&period=7d&f=country%3DFR&tab-devices=browser')
    const cube = await page.getAttribute('[data-panel="devices"] .declare', 'data-cube')
    if (cube !== 'country,browser') wrong('the panel asks for the cube', cube)
    if (await page.$('[data-panel="devices"] .declare .button, [data-panel="missing"] .button')) wrong('a reader is offered what only the operator may do')
    const listed = () => page.$$eval('[data-panel="missing"] li', (all) => all.map((it) => [it.dataset.cube, it.textContent]))
    const list = await listed()
    if (new Set(list.map(([cube]) => cube.split(',').sort().join())).size !== list.length) wrong('a cube is listed twice:', JSON.stringify(list))
    const text = list.find(([name]) => name === cube)?.[1] ?? ''
    for (const part of ['country and browser', 'for Devices', 'ANALYTICS.ALTER shop CUBE country,browser', 'Copy']) if (!text.includes(part)) wrong('the list of what is missing does not say', part, 'but', JSON.stringify(list))
    // Numbers that are right stand under no warning.
    const above = await page.evaluate(() => {
      const [list, figures] = ['[data-panel="missing"]', '.figures'].map((name) => document.querySelector(name))
      return Boolean(list.compareDocumentPosition(figures) & Node.DOCUMENT_POSITION_FOLLOWING)
    })
    if (above) wrong('what is missing stands above figures that are there')
    await page.click('[data-panel="devices"] .declare button')
    if ((await page.evaluate(() => document.activeElement.id)) !== 'panel-missing') wrong('the panel does not lead to the list')
    await operate(page)
    await page.reload()
    await answered(page)
    await page.click('[data-panel="missing"] li[data-cube="country,browser"] button')
    await page.waitForFunction(() => !document.querySelector('[data-panel="devices"] .declare') && !document.querySelector('li[data-cube="country,browser"]'))
    const { cubes } = await api('shop/info')
    if (!cubes.some(([name]) => name === 'country,browser')) wrong('the cube is not declared:', JSON.stringify(cubes))
  },

  async a_day_of_the_series_is_shown_by_a_click_or_from_the_table() {
    const page = await open()
    await visit(page, '?site=shop&period=28d')
    const box = await (await page.$('.u-over')).boundingBox()
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
    await page.waitForFunction(() => /period=custom/.test(location.search))
    await answered(page)
    const params = new URL(page.url()).searchParams
    if (params.get('from') !== params.get('to')) wrong('a click shows', page.url())
    await page.goBack()
    await answered(page)
    await page.mouse.move(box.x + box.width / 4, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2, box.y + 60, { steps: 5 })
    await page.mouse.up()
    await page.waitForFunction(() => /period=custom/.test(location.search))
    await answered(page)
    const drawn = new URL(page.url()).searchParams
    const days = (Date.parse(drawn.get('to')) - Date.parse(drawn.get('from'))) / 86_400_000
    if (!(days >= 5 && days <= 8)) wrong('a range that is drawn shows', page.url())
    await page.goBack()
    await answered(page)
    await page.click('.legend [aria-expanded]')
    const total = Number(await page.$eval('.chart tbody tr:nth-child(3) td', (cell) => cell.textContent.replaceAll(',', '')))
    await page.click('.chart tbody tr:nth-child(3) button')
    await page.waitForFunction(() => /period=custom/.test(location.search))
    await answered(page)
    const { visitors } = await figuresOf(page)
    if (visitors.now !== total) wrong('the day has', visitors.now, 'visitors, the table', total)
  },

  async an_outage_is_found_in_two_clicks() {
    const page = await open()
    await visit(page, '?site=api&view=operations&period=28d')
    const series = '.chart[aria-label="Errors"]'
    const errors = async () => {
      await page.click(`${series} [aria-expanded="false"]`)
      return page.$$eval(`${series} tbody tr`, (all) => all.map((row) => [row.querySelector('th').textContent, Number(row.querySelectorAll('td')[1].textContent.replaceAll(',', ''))]))
    }
    const most = (rows) => [...rows].sort((a, b) => b[1] - a[1])
    const days = await errors()
    const [day] = most(days)[0]
    await page.click(`${series} tbody tr:nth-child(${1 + days.findIndex(([name]) => name === day)}) button`)
    await page.waitForFunction(() => /period=custom/.test(location.search))
    await answered(page)
    if (new URL(page.url()).searchParams.get('from') !== plan.outage.date) wrong('the day with most errors is', page.url(), 'not', plan.outage.date)
    await page.click(`${series} [aria-expanded="true"]`)
    const total = new Map()
    for (const [name, count] of await errors()) total.set(name.slice(-5, -3), (total.get(name.slice(-5, -3)) ?? 0) + count)
    const hours = most([...total]).slice(0, 4).map(([hour]) => Number(hour)).sort((a, b) => a - b)
    if (hours.join() !== plan.outage.hours.join()) wrong('the outage is at', hours, 'not at', plan.outage.hours)
  },

  async errors_have_a_scale_of_their_own() {
    const page = await open()
    await visit(page, '?site=api&view=operations&period=28d')
    await page.click('.chart[aria-label="Errors"] [aria-expanded="false"]')
    const rows = await page.$$eval('.chart[aria-label="Errors"] tbody tr', (all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => Number.parseFloat(cell.textContent.replaceAll(',', '')))))
    if (rows.length !== 28) wrong('the errors have', rows.length, 'days')
    for (const [share, errors, events] of rows) if (!near(share, 100 * errors / events, 0.05) && Math.abs(share - 100 * errors / events) > 0.5) wrong('the share of errors is', share, 'of', errors, 'and', events)
    const figures = await figuresOf(page)
    const total = rows.reduce((sum, [, errors]) => sum + errors, 0)
    if (total !== figures.errors.now) wrong('the days have', total, 'errors, the figure', figures.errors.now)
    if (!(await page.textContent('[data-control="dates"]')).includes('no comparison: the site begins on')) wrong('a site that is younger than the period before is compared with it')
    if (figures.errors.before !== null) wrong('there are', figures.errors.before, 'errors of a time before the site')
    await visit(page, '?site=api&view=operations')
    if (!/points/.test(await page.textContent('[data-figure="error-share"] .change'))) wrong('a share does not change by points')
  },

  async the_table_of_endpoints_is_sorted_by_its_heads() {
    const page = await open()
    await visit(page, '?site=api&view=operations&period=28d')
    const table = '[data-panel="places"] table'
    const column = (name) => page.$$eval(`${table} tbody td[data-aggregate="${name}"]`, (all) => all.map((cell) => Number(cell.dataset.number)))
    const sorted = () => page.$$eval(`${table} th[aria-sort]`, (all) => all.map((head) => [head.textContent.trim(), head.getAttribute('aria-sort')]))
    const falls = (numbers) => numbers.every((number, at) => !at || number <= numbers[at - 1])
    if (JSON.stringify(await sorted()) !== JSON.stringify([['Events \u2193', 'descending']])) wrong('at first it is sorted by', JSON.stringify(await sorted()))
    await page.click(`${table} [data-sort="p99"]`)
    await page.waitForFunction(() => location.search.includes('tab-sort=p99'))
    const down = await column('p99')
    if (down.length < 5 || !falls(down)) wrong('p99 is not sorted:', down)
    // Enter, on the head that has the focus, turns the order round; the address has it.
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => location.search.includes('p99-up'))
    if (JSON.stringify(await column('p99')) !== JSON.stringify([...down].reverse())) wrong('p99 is not turned round:', await column('p99'))
    if (JSON.stringify(await sorted()) !== JSON.stringify([['latency p99 \u2191', 'ascending']])) wrong('it is sorted by', JSON.stringify(await sorted()))
    await page.reload()
    await answered(page)
    if (falls(await column('p99'))) wrong('the order is not in the address')
    await page.click(`${table} [data-sort="name"]`)
    await page.waitForFunction(() => location.search.includes('name-up'))
    const names = await page.$$eval(`${table} tbody tr`, (all) => all.map((row) => row.dataset.value))
    if (names.join() !== [...names].sort().join()) wrong('the endpoints are not sorted:', names)
    const tabs = await page.$$eval('[data-panel="places"] .tabs button', (all) => all.map((it) => it.textContent))
    await visit(page, '?site=shop&view=operations')
    const others = await page.$$eval('[data-panel="places"] .tabs button', (all) => all.map((it) => it.textContent))
    if (!tabs.includes('status') || !others.includes('country') || others.some((name) => ['x', 'y', 'from'].includes(name))) wrong('operations are shown by', tabs, others)
  },

  async a_period_says_its_dates_and_whether_today_is_in_it() {
    const page = await open()
    const date = (back) => new Date(Date.parse(`${window(back).slice(0, 10)}T00:00:00Z`))
    const written = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' })
    // Browsers put narrow spaces beside a dash.
    const plain = (text) => text.replace(/\s+/g, ' ')
    const range = (from, to) => plain(written.formatRange(date(from), date(to)))
    const said = async (search) => {
      await visit(page, `?site=shop&${search}`)
      return plain(await page.textContent('[data-control="dates"]'))
    }
    const week = `${range(7, 1)}, without today; before: ${range(14, 8)}`
    if ((await said('')) !== week) wrong('the last 7 days are', await said(''), 'not', week)
    const since = (date(0).getUTCDay() + 6) % 7
    const running = await said('period=this-week')
    if (!running.startsWith(`${range(since, 0)}, today until now; before: ${range(since + 7, 7)} until `)) wrong('this week is', running)
    const { visitors } = await figuresOf(page)
    const [row] = await api('shop/compare?window=this-week&metric=users')
    if (visitors.now !== row.now || visitors.before !== row.before) wrong('this week has', JSON.stringify(visitors), 'the API says', JSON.stringify(row))
    const last = await said('period=last-week&compare=none')
    if (!last.startsWith(range(since + 7, since + 1))) wrong('last week is', last)
    const month = await said('period=this-month')
    // The site may have begun within the month before.
    if (!/, today until now; (before: .* until \d\d:\d\d|no comparison: the site begins on .*)$/.test(month)) wrong('this month is', month)
    const day = window(1).slice(0, 10)
    const custom = await said(`period=custom&from=${day}&to=${window(0).slice(0, 10)}`)
    if (!custom.includes(', with today')) wrong('a period with today is', custom)
  },

  async a_change_is_not_known_where_all_others_were_before() {
    const page = await open()
    // As a site would answer that had more pages before than it keeps rows of.
    await page.route('**/api/v1/query', async (route) => {
      const response = await route.fetch()
      const body = await response.json()
      const { queries } = route.request().postDataJSON()
      body.results.forEach(({ data }, at) => {
        if (queries[at].query === 'top' && queries[at].dimension === 'page' && queries[at].limit === 300 && !queries[at].where.length) {
          const left = data.findIndex((row) => row.value === '/cart')
          data.splice(left, 1)
          if (wanted === 'others') data.push({ value: '~other', users: 7, share: 0.1, error_bound: 0 })
        }
      })
      await route.fulfill({ response, json: body })
    })
    let wanted = ''
    const gain = async () => {
      await visit(page, '?site=shop&period=28d')
      await page.click('[data-panel="pages"] .more')
      return page.$eval('[data-panel="pages"] li[data-value="/cart"]', (it) => [it.querySelector('.gain').textContent, it.dataset.number])
    }
    const [all, number] = await gain()
    if (!all.endsWith(`+${Number(number).toLocaleString('en')}`)) wrong('a page that was not there before has', all, 'of', number)
    wanted = 'others'
    const [unknown] = await gain()
    if (!unknown.endsWith('\u2013')) wrong('a page that may be among all others has', unknown)
    await page.unroute('**/api/v1/query')
  },

  async a_filter_that_does_not_apply_says_so() {
    const page = await open()
    const says = async (panel, text) => {
      const shown = await page.textContent(`[data-panel="${panel}"]`)
      if (!shown.includes(text)) wrong(page.url(), panel, 'does not say', text, 'but', shown)
    }
    await visit(page, '?site=shop&period=28d&f=country%3DFR')
    for (const panel of ['cohorts', 'funnels']) await says(panel, 'the filters do not apply')
    await says('clicks', 'only a filter by page applies')
    await says('paths', 'the filters do not apply')
    await visit(page, '?site=shop&period=28d&f=page%3D%2F')
    if ((await page.textContent('[data-panel="clicks"]')).includes('applies')) wrong('clicks on a page are filtered by it')
    if (!(await page.$('[data-panel="clicks"] svg'))) wrong('the page has no clicks')
    await visit(page, '?site=shop&f=country%3DFR&f=os%3DiOS')
    await says('values', 'country and os')
    await says('missing', 'country,os')
    await visit(page, '?site=api&view=operations&f=endpoint%3D%2Fv1%2Fsearch&f=region%3Deu-west')
    await says('alerts', 'the filters do not apply')
    if ((await page.getAttribute('[data-panel="missing"] li', 'data-cube')) !== 'endpoint,region') wrong('operations do not name the cube')
    await visit(page, '?site=api&view=operations&f=endpoint%3D%2Fv1%2Fsearch&by=status')
    if (await page.$('.declare, [data-panel="missing"]')) wrong('operations ask for a cube that is there')
    if (!(await page.$('[data-figure="errors"]'))) wrong('errors of an endpoint are not shown')
  },

  async events_are_shown_as_they_come() {
    const page = await open()
    await visit(page, '?site=shop&view=live')
    await page.waitForSelector('.now:not(.lost)')
    const name = `test-${Date.now()}`
    const send = (user) => fetch(`${plan.url}/track`, {
      method: 'POST', headers: { authorization: `Bearer ${plan.key}` },
      body: JSON.stringify({ event: name, user_id: user, properties: { page: '/from-a-test' } })
    })
    await send('one')
    await page.waitForFunction((name) => [...document.querySelectorAll('.stream li')].some((it) => it.textContent.includes(name) && it.textContent.includes('/from-a-test')), name, { timeout: 10_000 })
    const before = Number(await page.getAttribute('[data-figure="today"]', 'data-number'))
    await Promise.all(['two', 'three', 'four'].map(send))
    await page.waitForFunction((least) => Number(document.querySelector('[data-figure="today"]').dataset.number) >= least, before + 3, { timeout: 20_000 })
  },

  async a_private_site_asks_for_a_token() {
    const page = await open()
    page.quiet = true
    await page.goto(`${plan.url}/?site=closed`)
    await page.waitForSelector('.login')
    await page.fill('.login input', 'rt_wrong_0000')
    await page.click('.login .button')
    await page.waitForSelector('.login .problem')
    await page.fill('.login input', plan.token)
    await page.click('.login .button')
    await page.waitForSelector('.welcome')
    await page.click('nav >> text=Settings')
    await page.waitForSelector('[data-panel="snippet"]')
    if (!(await page.textContent('[data-panel="snippet"]')).includes('<script defer data-domain="closed"')) wrong('a reader does not see the snippet')
    if (await page.$('[data-panel="keys"], form')) wrong('a reader sees forms')
    await page.reload()
    await page.waitForSelector('.welcome')
    if (page.url().includes('rt_')) wrong('the token stands in the address')
    await page.click('text=Forget token')
    await page.waitForSelector('.login')
  },

  async an_operator_changes_settings() {
    const page = await open()
    await operate(page)
    await page.goto(`${plan.url}/?site=closed&view=settings`)
    await page.waitForSelector('[data-panel="snippet"]')
    await page.fill('[data-panel="snippet"] input', 'closed.example')
    await page.click('[data-panel="snippet"] form .button')
    await page.waitForFunction(() => document.querySelector('[data-panel="snippet"] code').textContent.includes('closed.example'))
    await page.fill('[data-panel="keys"] input', 'from the page')
    await page.click('[data-panel="keys"] .button')
    const secret = await page.textContent('[data-panel="keys"] .secret')
    const sent = await fetch(`${plan.url}/track`, {
      method: 'POST', headers: { authorization: `Bearer ${secret}` }, body: '{"event": "pageview", "user_id": "ann", "properties": {"page": "/", "latency": 5}}'
    })
    if (sent.status !== 200) wrong('the new key is answered', sent.status)
    await page.reload()
    await page.waitForSelector('[data-panel="rules"]')
    for (const [name, text] of [['name', 'slow'], ['metric', 'latency:p95'], ['window', '5m'], ['threshold', '800']]) {
      await page.fill(`[data-panel="rules"] input[name="${name}"]`, text)
    }
    await page.click('[data-panel="rules"] .button')
    await page.waitForSelector('[data-panel="rules"] li')
    await page.fill('[data-panel="counted"] input', 'country,page')
    await page.click('[data-panel="counted"] .button')
    await page.waitForFunction(() => document.querySelector('[data-panel="counted"] dl').textContent.includes('country,page'))
    await page.fill('[data-panel="kept"] input[name="hour"]', '30d')
    await page.click('[data-panel="kept"] .button')
    await page.waitForFunction(() => document.querySelector('[data-panel="kept"] [role="status"]'))
    const info = await (await fetch(`${plan.url}/api/v1/sites/closed/info`, { headers: { authorization: `Bearer ${plan.operator}` } })).json()
    if (info.retention.hour !== '30d') wrong('hours are kept', info.retention.hour)
    await page.fill('[data-panel="visits"] input[name="timeout"]', '20m')
    await page.check('[data-panel="visits"] input[value="country"]')
    await page.click('[data-panel="visits"] .button')
    await page.waitForSelector('[data-panel="visits"] [role="status"]')
    const { visits } = await (await fetch(`${plan.url}/api/v1/sites/closed/info`, { headers: { authorization: `Bearer ${plan.operator}` } })).json()
    if (!JSON.stringify(visits).startsWith('["20m","PATH","page","BY","country"')) wrong('visits are counted as', JSON.stringify(visits))
    const asked = async (path) => (await fetch(`${plan.url}/api/v1/sites/closed/${path}`, { headers: { authorization: `Bearer ${plan.operator}` } })).json()
    page.quiet = true
    await page.fill('[data-panel="returning"] input', '20d')
    await page.click('[data-panel="returning"] .button')
    await page.waitForSelector('[data-panel="returning"] .problem')
    page.quiet = false
    await page.fill('[data-panel="returning"] input', '90d')
    await page.click('[data-panel="returning"] .button')
    await page.waitForSelector('[data-panel="returning"] [role="status"]')
    if ((await asked('info')).returning[0] !== '90d') wrong('users are remembered for', JSON.stringify((await asked('info')).returning))
    const form = '[data-panel="funnel-forms"]'
    await page.fill(`${form} [name="name"]`, 'buy')
    await page.fill(`${form} [name="steps"]`, 'event=pageview&page=/cart\nevent=purchase\n')
    await page.fill(`${form} [name="exclude"]`, 'event=logout')
    await page.check(`${form} input[value="country"]`)
    await page.click(`${form} form .button`)
    await page.waitForSelector(`${form} li`)
    const [funnel] = await asked('funnels')
    const { since, ...set } = funnel
    const expected = { name: 'buy', within: '1w', steps: ['event=pageview&page=/cart', 'event=purchase'], exclude: ['event=logout'], by: ['country'] }
    if (JSON.stringify(set) !== JSON.stringify(expected)) wrong('the funnel is', JSON.stringify(funnel))
    if (!(await page.textContent(`${form} li`)).includes('pageview /cart \u2192 purchase')) wrong('the steps read', await page.textContent(`${form} li`))
    // Another one of the same name takes its place after a second press only.
    await page.fill(`${form} [name="within"]`, '1d')
    await page.click(`${form} form .button`)
    await page.waitForSelector(`${form} .problem`)
    if ((await asked('funnels'))[0].within !== '1w') wrong('a funnel is replaced without a question')
    await page.click(`${form} form .button`)
    await page.waitForSelector(`${form} [role="status"]`)
    if ((await asked('funnels'))[0].within !== '1d') wrong('a funnel is not replaced')
    await page.click(`${form} li .link`)
    await page.click('text=Remove buy and its numbers')
    await page.waitForFunction((form) => !document.querySelector(`${form} li`), form)
    await page.click('[data-panel="returning"] .danger')
    await page.click('text=Forget all users')
    await page.waitForFunction(() => !document.querySelector('[data-panel="returning"] .danger'))
    if ((await asked('info')).returning) wrong('users are still remembered')
  }
}
