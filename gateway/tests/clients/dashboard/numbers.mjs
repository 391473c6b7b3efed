// The numbers of the page, held against what the oracle of the demo and the API say.
import { readFile } from 'node:fs/promises'
import { api, compare, figuresOf, near, open, plan, rowsOf, showAll, visit, window, wrong } from './harness.mjs'

export default {
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
    await page.click('.legend [aria-expanded]')
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
    const shares = await page.$$eval('[data-panel="sources"] .row .extra', (all) => all.map((it) => Number(it.dataset.extra)))
    if (shares.some((share, at) => at && share > shares[at - 1])) wrong('sources are not sorted by their bounce rate:', shares)
    for (const tab of ['before', 'after']) {
      await visit(page, `${plan.steps.search}&tab-paths=${tab}`)
      await showAll(page)
      const shown = new Map(await rowsOf(page, 'paths'))
      if (!plan.steps[tab].length) wrong('the oracle has no step', tab)
      for (const [value, count] of plan.steps[tab]) if (shown.get(value) !== count) wrong('steps', tab, value, 'shows', shown.get(value), 'the oracle says', count)
      if (tab === 'before') continue
      // Who is new was decided elsewhere.
      if (!(await page.textContent('[data-figure="new"]')).includes('not with this filter')) wrong('new visitors of a page are', await page.textContent('[data-figure="new"]'))
      const { ends, times } = plan.steps
      if (!(ends > 0) || shown.get('~end') !== ends) wrong('visits that end', shown.get('~end'), 'the oracle says', ends)
      const share = await page.$eval('[data-panel="paths"] li[data-value="~end"] .share', (it) => Number.parseFloat(it.textContent) / 100)
      if (!near(share, ends / (ends + times), 0.02)) wrong('the end of the visit has a share of', share, 'not', ends, 'of', ends + times)
    }
    // A page is chosen in the panel itself, too.
    await visit(page, '?site=shop&period=28d')
    await page.selectOption('[data-control="paths-page"]', '/cart')
    await page.waitForSelector('[data-panel="paths"] li[data-value="~end"]')
    if (await page.$('.chip')) wrong('a page that is chosen in the panel filters the others')
    await showAll(page)
    const chosen = new Map(await rowsOf(page, 'paths'))
    for (const [value, count] of plan.steps.after) if (chosen.get(value) !== count) wrong('after the page that is chosen', value, 'shows', chosen.get(value), 'the oracle says', count)
  },

  async funnels_are_those_of_the_oracle() {
    const page = await open()
    const { search, conditions, steps, values } = plan.funnel
    await visit(page, search)
    const shown = await page.$$eval('[data-panel="funnels"] tr[data-step]', (all) => all.map((it) => {
      const [users, left, share, time] = it.querySelectorAll('td')
      return { name: it.querySelector('.name').textContent, condition: it.querySelector('.name').title, users: Number(users.dataset.number), share: Number(share.dataset.share), left: Number(left.dataset.left ?? 0), median: Number(time.dataset.median ?? 0) }
    }))
    const names = ['add_to_cart', 'pageview /cart', 'pageview /checkout', 'pageview /checkout/payment', 'purchase']
    const said = await api(`shop/funnels/checkout?window=${window(28)}&by=device&limit=20`)
    if (shown.length !== steps.length) wrong('the funnel has', shown.length, 'steps')
    shown.forEach((step, at) => {
      const expected = { name: `${at + 1}. ${names[at]}`, condition: conditions[at], users: steps[at], share: steps[at] / steps[0], left: at ? steps[at - 1] - steps[at] : 0, median: said.steps[at].median ?? 0 }
      for (const [member, value] of Object.entries(expected)) {
        if (typeof value === 'string' ? step[member] !== value : !near(step[member], value, 1e-9)) wrong('step', at + 1, member, 'shows', step[member], 'not', value)
      }
    })
    if (!(steps.at(-1) > 0)) wrong('nobody buys anything')
    const weak = await page.$$eval('[data-panel="funnels"] .weak', (all) => all.map((it) => it.closest('tr').dataset.step))
    const kept = steps.map((count, at) => (at ? count / steps[at - 1] : 1))
    if (weak.join() !== String(1 + kept.indexOf(Math.min(...kept)))) wrong('the weakest step is', weak, 'of', kept)
    const at = kept.indexOf(Math.min(...kept))
    const words = `${Math.round(100 * (1 - kept[at]))}% of those who reached ${names[at - 1]} left before ${names[at]}`
    const sentence = await page.textContent('[data-panel="funnels"]')
    if (!sentence.includes(words)) wrong('the weakest step is not said:', words, 'in', sentence)
    const rows = new Map(await page.$$eval('[data-panel="funnels"] tr[data-value]', (all) => all.map((it) => [it.dataset.value, [...it.querySelectorAll('td[data-number]')].map((cell) => Number(cell.dataset.number))])))
    for (const [value, counts] of values) if (rows.get(value)?.join() !== counts.join()) wrong('the funnel of', value, 'shows', rows.get(value), 'the oracle says', counts)
    await page.selectOption('[data-control="funnel-by"]', 'country')
    await page.waitForSelector('[data-panel="funnels"] tr[data-value="DE"]')
    await page.selectOption('[data-control="funnel-by"]', '')
    await page.waitForFunction(() => !document.querySelector('[data-panel="funnels"] tr[data-value]') && !location.search.includes('funnel-by'))
  },

  async cohorts_are_those_of_the_oracle_and_the_api() {
    const page = await open()
    for (const period of ['week', 'month']) {
      const [asked] = await Promise.all([page.waitForRequest((request) => request.url().endsWith('api/v1/query')), visit(page, `?site=shop&tab-cohorts=${period}`)])
      const question = asked.postDataJSON().queries.find((it) => it.query === 'retention')
      const { rows } = await api(`shop/retention?window=${question.window}&period=${period}`)
      if (rows.length !== 12) wrong('there are', rows.length, period, 'cohorts')
      const expected = rows.slice(rows.findIndex((row) => row.users !== 0)).map((row) => [row.time_ms, row.users, ...row.returned])
      const oracle = plan.cohorts[period]
      if (!oracle.some((row) => row[2] > 0)) wrong('the oracle has too few cohorts', JSON.stringify(oracle))
      if (JSON.stringify(expected) !== JSON.stringify(oracle)) wrong(period, 'the API says', JSON.stringify(expected), 'the oracle', JSON.stringify(oracle))
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

  async every_panel_has_its_rows_as_csv() {
    // Chromium refuses to save an eleventh file from one page.
    let page = await open()
    const file = async (button) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)])
      return (await readFile(await download.path(), 'utf8')).trim().split('\r\n')
    }
    await visit(page, '?site=shop&period=28d&tab-funnel-by=device')
    const without = await page.$$eval('.panel', (all) => all.filter((it) => !it.querySelector('.csv')).map((it) => it.dataset.panel))
    if (without.length) wrong('panels without CSV:', without)
    await showAll(page)
    for (const [panel, head] of [['sources', 'source,Visitors,share,Bounce rate,Change'], ['events', 'event,Visitors,share,Events,Change'], ['pages', 'page,Visitors,share,Change'], ['countries', 'country,Visitors,share,Bounce rate,Change'], ['devices', 'device,Visitors,share,Bounce rate,Change']]) {
      const lines = await file(`[data-panel="${panel}"] .csv`)
      const shown = await rowsOf(page, panel)
      if (lines[0] !== head) wrong('the head of the CSV is', lines[0])
      if (lines.length !== shown.length + 1) wrong(panel, 'has', lines.length, 'lines for', shown.length, 'rows')
      const [value, number] = lines[1].split(',')
      if (value !== shown[0][0] || Number(number) !== shown[0][1]) wrong('the first line of the CSV is', lines[1])
    }
    page = await open()
    await visit(page, '?site=shop&period=28d&tab-funnel-by=device')
    await showAll(page)
    const series = await file('.chart .csv')
    if (series[0] !== 'time,Visitors,Before' || series.length !== 29) wrong('the series as CSV is', series[0], series.length)
    for (const [panel, least] of [['paths', 5], ['clicks', 10], ['values', 4], ['hours', 8], ['funnels', 9], ['cohorts', 3]]) {
      const lines = await file(`[data-panel="${panel}"] .csv`)
      if (lines.length < least) wrong(panel, 'has', lines.length, 'lines')
    }
    await visit(page, '?site=api&view=operations')
    for (const [panel, head] of [['places', 'endpoint,events,p50,p95,p99'], ['alerts', 'rule,metric,window,op,threshold,state']]) {
      const lines = await file(`[data-panel="${panel}"] .csv`)
      if (lines[0] !== head || lines.length < 3) wrong(panel, 'as CSV is', lines[0], lines.length)
    }
  }
}
