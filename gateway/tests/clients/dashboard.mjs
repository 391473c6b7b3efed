// The page in headless Chromium, held against what the oracle of the demo and the API say.
//
//   dashboard.mjs plan.json
//
// The plan has `url`, `browser`, `folder` for pictures, `redis` (a process to stop and go on), `key` of
// the site `shop`, `operator`, and `checks`: `{search, figures, before, rows, values}`. What is wrong is
// printed; the status says whether anything was.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const plan = JSON.parse(await readFile(process.argv[2], 'utf8'))
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const failures = []
const wrong = (...words) => {
  failures.push(words.join(' '))
  console.error(...words)
}
const only = process.env.ANALYTICS_PAGE_TESTS?.split(',')
const without = process.env.ANALYTICS_PAGE_WITHOUT?.split(',') ?? []

const browser = await chromium.launch({
  executablePath: plan.browser,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
})

const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/** A page of a fresh profile that reports what no page may do. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.quiet = false
  page.on('console', (message) => {
    if (message.type() === 'error' && !page.quiet) wrong('console:', message.text())
  })
  page.on('pageerror', (error) => wrong('script:', error.stack ?? error.message))
  page.on('request', (request) => {
    const address = request.url()
    if (!address.startsWith(plan.url) && !address.startsWith('blob:')) wrong('a request elsewhere:', address)
  })
  return page
}

async function answered(page) {
  await page.waitForFunction(() => {
    const main = document.querySelector('main')
    const busy = document.querySelector('main [aria-busy="true"], main .fading')
    return main && !busy && main.querySelector('.figure, .panel, .status')
  }, null, { timeout: 20_000 })
}

async function visit(page, search) {
  await page.goto(`${plan.url}/${search}`)
  await answered(page)
}

/** From now on with the operator's token. */
async function operate(page) {
  await page.context().addInitScript((token) => sessionStorage.setItem('analytics-token', token), plan.operator)
}

const near = (a, b, part) => a === b || Math.abs(a - b) <= Math.abs(b) * part + 1e-9

/** Distinct counts have a standard error of 0.8 % beyond 2,560, and are near exact below. */
const crowd = (number) => (number > 2_500 ? 0.03 : 0.002)

const figuresOf = (page) => page.$$eval('.figure', (all) => Object.fromEntries(all.map((it) => [it.dataset.figure, {
  now: Number(it.dataset.number), before: it.dataset.before === undefined ? null : Number(it.dataset.before)
}])))

const rowsOf = (page, panel) => page.$$eval(`[data-panel="${panel}"] li[data-value]`, (all) => all.map((it) => [it.dataset.value, Number(it.dataset.number)]))

async function showAll(page) {
  for (const button of await page.$$('.panel .more[aria-expanded="false"]')) await button.click()
}

/** The page's numbers against the oracle's: percentiles within 1 %, distinct counts as above, the others exact. */
async function compare(page, check) {
  await showAll(page)
  const figures = await figuresOf(page)
  for (const [member, expected] of [['now', check.figures ?? {}], ['before', check.before ?? {}]]) {
    for (const [name, number] of Object.entries(expected)) {
      const shown = figures[name]?.[member]
      const part = /^p\d\d$/.test(name) ? 0.0101 : name === 'visitors' ? crowd(number) : 1e-9
      // Who returns is who came without who is new: as exact as the former.
      const isNear = name === 'returning' ? Math.abs(shown - number) <= crowd(expected.visitors) * expected.visitors : near(shown, number, part)
      if (!isNear) {
        wrong(check.search, name, member, 'shows', shown, 'the oracle says', number)
      }
    }
  }
  for (const [panel, expected] of Object.entries(check.rows ?? {})) {
    const shown = new Map(await rowsOf(page, panel))
    for (const [value, number] of expected) {
      if (!near(shown.get(value), number, crowd(number))) wrong(check.search, panel, value, 'shows', shown.get(value), 'the oracle says', number)
    }
    if (shown.size === 0) wrong(check.search, panel, 'is empty')
  }
}

const api = async (path) => {
  const response = await fetch(`${plan.url}/api/v1/sites/${path}`)
  if (!response.ok) wrong('the API:', path, response.status)
  return response.json()
}

/** So many whole days before today. */
function window(days) {
  const day = (back) => new Intl.DateTimeFormat('en-CA', { timeZone: plan.zone }).format(new Date(Date.now() - back * 86_400_000))
  return `${day(days)}..${day(0)}`
}

const tests = {
  async the_numbers_are_those_of_the_oracle() {
    const page = await open()
    for (const check of plan.checks) {
      await visit(page, check.search)
      await compare(page, check)
    }
  },

  async the_numbers_are_those_of_the_api() {
    const page = await open()
    await visit(page, '?site=shop&period=28d&compare=none')
    const days = window(28)
    const { metrics } = await api(`shop/get?window=${days}&metric=users&metric=users:new&metric=users:returning&metric=events&metric=revenue:sum`)
    const figures = await figuresOf(page)
    for (const [name, metric] of [['visitors', 'users'], ['new', 'users:new'], ['returning', 'users:returning'], ['events', 'events'], ['revenue', 'revenue:sum']]) {
      if (figures[name].now !== metrics[metric]) wrong(name, figures[name].now, 'the API says', metrics[metric])
    }
    const rows = await api(`shop/top?window=${days}&dimension=page&by=users&limit=100`)
    await showAll(page)
    const shown = await rowsOf(page, 'pages')
    const said = rows.map((row) => [row.value, row.users])
    if (JSON.stringify(shown) !== JSON.stringify(said)) wrong('pages', JSON.stringify(shown), 'the API says', JSON.stringify(said))
    const series = await api(`shop/range?window=${days}&step=1d&metric=users`)
    await page.click('.legend .link')
    const cells = await page.$$eval('.chart tbody tr', (all) => all.map((row) => row.querySelector('td').textContent))
    if (cells.length !== series.length) wrong('the series has', cells.length, 'points, the API', series.length)
    const total = cells.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0)
    const expected = series.reduce((sum, row) => sum + row.users, 0)
    if (total !== expected) wrong('the series adds up to', total, 'the API to', expected)
  },

  async visits_are_those_of_the_oracle() {
    const page = await open()
    for (const { search, panel, rows, steps, dimension } of plan.visits) {
      await visit(page, search)
      await showAll(page)
      const shown = new Map(await page.$$eval(`[data-panel="${panel}"] li[data-value]`, (all) => all.map((it) => [it.dataset.value, [Number(it.dataset.number), Number(it.querySelector('.extra').dataset.extra)]])))
      if (!rows.length) wrong(search, 'the oracle has no rows')
      for (const [value, visits, share] of rows) {
        const [number, extra] = shown.get(value) ?? []
        // The number of a source is that of its visitors.
        if (dimension !== 'source' && number !== visits) wrong(search, panel, value, 'shows', number, 'visits, the oracle says', visits)
        if (!near(extra, share, 1e-9)) wrong(search, panel, value, 'shows a bounce rate of', extra, 'the oracle says', share)
      }
      const paths = new Map(await rowsOf(page, 'paths'))
      for (const [value, count] of steps) if (paths.get(value) !== count) wrong('the step', value, 'shows', paths.get(value), 'the oracle says', count)
    }
    await page.click('[data-panel="sources"] .rows-head button')
    const shares = await page.$$eval('[data-panel="sources"] .extra', (all) => all.map((it) => Number(it.dataset.extra)))
    if (shares.some((share, at) => at && share > shares[at - 1])) wrong('sources are not sorted by their bounce rate:', shares)
    for (const tab of ['before', 'after']) {
      await visit(page, `${plan.steps.search}&tab-paths=${tab}`)
      await showAll(page)
      const shown = new Map(await rowsOf(page, 'paths'))
      if (!plan.steps[tab].length) wrong('the oracle has no step', tab)
      for (const [value, count] of plan.steps[tab]) if (shown.get(value) !== count) wrong('steps', tab, value, 'shows', shown.get(value), 'the oracle says', count)
    }
  },

  async funnels_are_those_of_the_oracle() {
    const page = await open()
    const { search, conditions, steps, values } = plan.funnel
    await visit(page, search)
    const shown = await page.$$eval('[data-panel="funnels"] tr[data-step]', (all) => all.map((it) => {
      const [users, share, left, time] = it.querySelectorAll('td')
      return { name: it.querySelector('.name').textContent, users: Number(users.dataset.number), share: Number(share.dataset.share), left: Number(left.dataset.left ?? 0), median: Number(time.dataset.median ?? 0) }
    }))
    const said = await api(`shop/funnels/checkout?window=${window(28)}&by=device&limit=20`)
    if (shown.length !== steps.length) wrong('the funnel has', shown.length, 'steps')
    shown.forEach((step, at) => {
      const expected = { name: `${at + 1}. ${conditions[at]}`, users: steps[at], share: steps[at] / steps[0], left: at ? steps[at - 1] - steps[at] : 0, median: said.steps[at].median ?? 0 }
      for (const [member, value] of Object.entries(expected)) {
        if (typeof value === 'string' ? step[member] !== value : !near(step[member], value, 1e-9)) wrong('step', at + 1, member, 'shows', step[member], 'not', value)
      }
    })
    if (!(steps.at(-1) > 0)) wrong('nobody buys anything')
    const weak = await page.$$eval('[data-panel="funnels"] .weak', (all) => all.map((it) => it.closest('tr').dataset.step))
    const kept = steps.map((count, at) => (at ? count / steps[at - 1] : 1))
    if (weak.join() !== String(1 + kept.indexOf(Math.min(...kept)))) wrong('the weakest step is', weak, 'of', kept)
    const rows = new Map(await page.$$eval('[data-panel="funnels"] tr[data-value]', (all) => all.map((it) => [it.dataset.value, [...it.querySelectorAll('td[data-number]')].map((cell) => Number(cell.dataset.number))])))
    for (const [value, counts] of values) if (rows.get(value)?.join() !== counts.join()) wrong('the funnel of', value, 'shows', rows.get(value), 'the oracle says', counts)
    await page.selectOption('[data-control="funnel-by"]', 'country')
    await page.waitForSelector('[data-panel="funnels"] tr[data-value="DE"]')
    await page.selectOption('[data-control="funnel-by"]', '')
    await page.waitForFunction(() => !document.querySelector('[data-panel="funnels"] tr[data-value]') && !location.search.includes('funnel-by'))
  },

  async cohorts_are_those_of_the_api() {
    const page = await open()
    for (const period of ['week', 'month']) {
      const [asked] = await Promise.all([page.waitForRequest((request) => request.url().endsWith('api/v1/query')), visit(page, `?site=shop&tab-cohorts=${period}`)])
      const question = asked.postDataJSON().queries.find((it) => it.query === 'retention')
      const { rows } = await api(`shop/retention?window=${question.window}&period=${period}`)
      if (rows.length !== 12) wrong('there are', rows.length, period, 'cohorts')
      const expected = rows.slice(rows.findIndex((row) => row.users !== 0)).map((row) => [row.time_ms, row.users, ...row.returned])
      const shown = await page.$$eval('.cohorts tr[data-time]', (all) => all.map((it) => [
        Number(it.dataset.time), ...[...it.querySelectorAll('td')].map((cell) => {
          const number = cell.dataset.users ?? cell.dataset.number
          return number === undefined ? null : Number(number)
        })
      ]))
      if (JSON.stringify(shown) !== JSON.stringify(expected)) wrong(period, JSON.stringify(shown), 'the API says', JSON.stringify(expected))
      const [text, title] = await page.$eval('.cohorts tbody tr td:nth-child(3)', (cell) => [cell.textContent.trim(), cell.title])
      const [, users, returned] = expected[0]
      if (Number.parseFloat(text) !== Number((100 * returned / users).toFixed(returned / users < 0.1 ? 1 : 0))) wrong('the first share is', text, 'of', returned, users)
      if (!title.startsWith(`${returned.toLocaleString('en')} of ${users.toLocaleString('en')}`)) wrong('the first title is', title)
    }
  },

  async people_and_funnels_that_are_off_partial_or_refused_are_said_in_words() {
    const page = await open()
    const says = async (panel, ...texts) => {
      const text = await page.textContent(`[data-panel="${panel}"]`)
      for (const part of texts) if (!text.includes(part)) wrong(panel, 'does not say', part, 'but', text)
    }
    await visit(page, '?site=api')
    await says('cohorts', 'ANALYTICS.ALTER api RETURNING 365d')
    await says('funnels', 'ANALYTICS.FUNNEL api SET')
    if (await page.$('[data-figure="new"]')) wrong('a site that remembers nobody has new visitors')
    await visit(page, '?site=shop&tab-funnel-by=page')
    if (!(await page.$('[data-panel="funnels"] .problem'))) wrong('a dimension that the funnel does not have is no error')
    await page.selectOption('[data-control="funnel-by"]', '')
    await page.waitForSelector('[data-panel="funnels"] tr[data-step]')
    await visit(page, '?site=shop&f=country%3DFR')
    for (const panel of ['cohorts', 'funnels']) await says(panel, 'the filters do not apply')
    // What the gateway would answer of a site that is too large, or remembers since lately.
    await page.route('**/api/v1/query', async (route) => {
      const response = await route.fetch()
      const body = await response.json()
      const { queries } = route.request().postDataJSON()
      body.results.forEach(({ data }, at) => {
        if (queries[at].query === 'retention') {
          Object.assign(data, { sampling: 0.25, late: 7, since_ms: data.rows[1].time_ms })
          Object.assign(data.rows[0], { users: null, returned: data.rows[0].returned.map(() => null) })
          Object.assign(data.rows[1], { users: 100, returned: data.rows[1].returned.map(() => null) })
        }
        if (queries[at].query === 'funnel') Object.assign(data, { sampling: 0.5, partial: true, open: true, late: 3, standard_errors: [0.01, 0.02, 0.03, 0.04, 0.05], since_ms: data.counts.from_ms + 60_000 })
        if (data.metrics && 'users:new' in data.metrics) data.metrics['users:new'] = null
      })
      await route.fulfill({ response, json: body })
    })
    await visit(page, '?site=shop')
    await says('cohorts', 'not kept any more', '25%', '7 events', 'taken note of since')
    await says('funnels', 'Partial: the funnel counts since', 'may still go on', 'Sampled: 50%', 'up to 5%', '3 events')
    const figure = await page.textContent('[data-figure="new"]')
    if (!figure.includes('\u2013') || !figure.includes('before the site remembered')) wrong('an unknown number is', figure)
    const cell = await page.$eval('.cohorts tbody tr:nth-child(2) td:nth-child(3)', (it) => it.textContent)
    if (!cell.includes('\u2013') || !cell.includes('Not known')) wrong('an unknown cell is', cell)
    await page.unroute('**/api/v1/query')
  },

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
  },

  async redis_gone_and_back() {
    const page = await open()
    await visit(page, '?site=shop&period=today')
    const before = await figuresOf(page)
    page.quiet = true
    process.kill(plan.redis, 'SIGSTOP')
    try {
      await page.selectOption('[data-control="period"]', '28d')
      await page.waitForSelector('.status[data-status="stale"]', { timeout: 20_000 })
      const during = await figuresOf(page)
      if (during.visitors.now !== before.visitors.now) wrong('stale figures are not the last ones')
    } finally {
      process.kill(plan.redis, 'SIGCONT')
    }
    await page.waitForFunction(() => !document.querySelector('.status') && !document.querySelector('main .fading'), null, { timeout: 60_000 })
    const after = await figuresOf(page)
    if (!(after.visitors.now > before.visitors.now)) wrong('the figures of the new period do not come')
  },

  async every_view_can_be_read_with_a_screen_reader_and_the_keyboard() {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ colorScheme })
      await operate(page)
      for (const search of ['?site=shop&period=28d&tab-funnel-by=device', '?site=api', '?site=shop&f=country%3DFR&tab-devices=os', '?site=api&view=operations', '?site=shop&view=live', '?site=shop&view=settings']) {
        await visit(page, search)
        await page.waitForTimeout(300)
        await page.evaluate(axe)
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
        for (const fault of violations.filter((it) => ['serious', 'critical'].includes(it.impact))) {
          wrong(search, colorScheme, fault.id, fault.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | '))
        }
      }
      await visit(page, '?site=shop')
      await page.keyboard.press('Tab')
      const first = await page.evaluate(() => document.activeElement.className)
      if (first !== 'skip') wrong('the first stop of the keyboard is', first)
      await page.focus('[data-panel="countries"] button.row')
      await page.keyboard.press('Enter')
      await page.waitForSelector('.chip')
    }
  },

  async csv_has_what_the_panel_shows() {
    const page = await open()
    await visit(page, '?site=shop&period=28d')
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-panel="sources"] .csv')])
    const text = await readFile(await download.path(), 'utf8')
    const lines = text.trim().split('\r\n')
    await showAll(page)
    const shown = await rowsOf(page, 'sources')
    if (lines[0] !== 'source,Visitors,share,Bounce rate') wrong('the head of the CSV is', lines[0])
    if (lines.length !== shown.length + 1) wrong('the CSV has', lines.length, 'lines for', shown.length, 'rows')
    const [value, number] = lines[1].split(',')
    if (value !== shown[0][0] || Number(number) !== shown[0][1]) wrong('the first line of the CSV is', lines[1])
  },

  async the_page_is_quick() {
    const page = await open()
    const times = []
    for (let turn = 0; turn < 5; turn += 1) {
      await page.goto('about:blank')
      const begun = Date.now()
      await visit(page, '?site=shop&period=28d')
      const all = Date.now() - begun
      const first = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)
      times.push([Math.round(first), all])
    }
    await writeFile(`${plan.folder}/times.json`, JSON.stringify(times))
    console.log('first paint and all panels, in ms:', JSON.stringify(times))
    const least = (place) => Math.min(...times.map((row) => row[place]))
    if (plan.limits && (least(0) > plan.limits[0] || least(1) > plan.limits[1])) wrong('too slow:', JSON.stringify(times))
  },

  async fifty_open_pages_cost_little() {
    // A page whose period ends now asks its questions again every ten seconds, beside its live figures.
    if (!plan.gateway) return
    const page = await open()
    const [asked] = await Promise.all([page.waitForRequest((request) => request.url().endsWith('api/v1/query')), visit(page, '?site=shop&period=today')])
    await page.context().close()
    const control = new AbortController()
    const { signal } = control
    const failed = (error) => signal.aborted || wrong('an open page:', error.message)
    const like = async (number) => {
      await pause(number * 200)
      const live = await fetch(`${plan.url}/api/v1/sites/shop/live?events=false`, { signal })
      live.body.pipeTo(new WritableStream(), { signal }).catch(failed)
      while (!signal.aborted) {
        const answer = await fetch(asked.url(), { method: 'POST', body: asked.postData(), headers: { 'content-type': 'application/json' }, signal })
        if (!answer.ok) wrong('an open page is answered', answer.status)
        await answer.text()
        await pause(10_000)
      }
    }
    const pages = Array.from({ length: 50 }, (_, number) => like(number).catch(failed))
    const used = async () => {
      const fields = (await readFile(`/proc/${plan.gateway}/stat`, 'utf8')).split(') ')[1].split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    }
    await pause(12_000)
    const before = await used()
    await pause(30_000)
    const share = (await used() - before) / 30
    control.abort()
    await Promise.all(pages)
    console.log(`50 open pages take ${(share * 100).toFixed(1)} % of a core`)
    if (plan.limits && share > plan.limits[2]) wrong('50 open pages take', share, 'of a core')
  },

  async pictures() {
    const views = [['web', '?site=shop&period=28d&tab-funnel-by=device'], ['empty', '?site=api'], ['operations', '?site=api&view=operations&period=24h'], ['live', '?site=shop&view=live'], ['settings', '?site=shop&view=settings'], ['filtered', '?site=shop&period=28d&f=page%3D%2Fcart']]
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [360, 768, 1280]) {
        const page = await open({ colorScheme, viewport: { width, height: 900 }, reducedMotion: 'reduce' })
        await operate(page)
        for (const [name, search] of views) {
          await visit(page, search)
          await page.waitForTimeout(400)
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          if (wide > 0) wrong(name, width, colorScheme, 'is', wide, 'points too wide')
          await page.screenshot({ path: `${plan.folder}/${name}-${width}-${colorScheme}.png`, fullPage: true })
        }
        await page.context().close()
      }
    }
  }
}

await mkdir(plan.folder, { recursive: true })
for (const [name, test] of Object.entries(tests)) {
  if ((only && !only.includes(name)) || without.includes(name)) continue
  const begun = Date.now()
  try {
    await test()
  } catch (error) {
    wrong(name, error.stack)
  }
  for (const context of browser.contexts()) await context.close()
  console.log(name, `${Date.now() - begun} ms`)
}
await browser.close()
process.exitCode = failures.length ? 1 : 0
