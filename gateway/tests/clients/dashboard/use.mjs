// What people do with the page: filters, the address, tokens, settings, what comes live.
import { answered, api, compare, figuresOf, open, operate, plan, visit, wrong } from './harness.mjs'

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
    if (await page.$('[data-panel="devices"] .declare button')) wrong('a reader is offered what only the operator may do')
    await operate(page)
    await page.reload()
    await answered(page)
    await page.click('[data-panel="devices"] .declare button')
    await page.waitForFunction(() => !document.querySelector('[data-panel="devices"] .declare'))
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
    const series = '.chart[aria-label="Events and errors"]'
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

  async a_filter_that_does_not_apply_says_so() {
    const page = await open()
    const says = async (panel, text) => {
      const shown = await page.textContent(`[data-panel="${panel}"]`)
      if (!shown.includes(text)) wrong(page.url(), panel, 'does not say', text, 'but', shown)
    }
    await visit(page, '?site=shop&period=28d&f=country%3DFR')
    for (const panel of ['cohorts', 'funnels']) await says(panel, 'the filters do not apply')
    await says('clicks', 'only a filter by page applies')
    await says('paths', 'not counted by country')
    await visit(page, '?site=shop&period=28d&f=page%3D%2F')
    if ((await page.textContent('[data-panel="clicks"]')).includes('applies')) wrong('clicks on a page are filtered by it')
    if (!(await page.$('[data-panel="clicks"] svg'))) wrong('the page has no clicks')
    await visit(page, '?site=shop&f=country%3DFR&f=os%3DiOS')
    await says('values', 'country,os')
    await visit(page, '?site=api&view=operations&f=endpoint%3D%2Fv1%2Fsearch&f=region%3Deu-west')
    await says('alerts', 'the filters do not apply')
    if ((await page.getAttribute('.declare', 'data-cube')) !== 'endpoint,region') wrong('operations do not name the cube')
    await visit(page, '?site=api&view=operations&f=endpoint%3D%2Fv1%2Fsearch&by=status')
    if (await page.$('.declare')) wrong('operations ask for a cube that is there')
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
