// What the page says when something is off, partial, unknown or away; and that it can be read.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { figuresOf, open, operate, plan, visit, wrong } from './harness.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export default {
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

  async what_is_so_far_or_cut_off_is_marked() {
    const page = await open({ viewport: { width: 360, height: 900 } })
    await visit(page, '?site=shop&period=28d&tab-funnel-by=device')
    const ends = await page.$$eval('.cohorts tr[data-time]', (all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.classList.contains('so-far') && cell.textContent.includes('so far'))))
    // Of each cohort the present week, of the last one its size.
    ends.forEach((row, at) => {
      if (row.some((marked, place) => marked !== (place === row.length - 1 && (row.length > 1 || at === ends.length - 1)))) wrong('of cohort', at, 'so far are', row)
    })
    const cut = await page.$$eval('.scroll', (all) => all.map((it) => [it.getAttribute('aria-label'), it.scrollWidth - it.clientWidth > 4, it.classList.contains('cut') && it.nextElementSibling?.className.includes('cut-note')]))
    if (!cut.some(([, isWide]) => isWide)) wrong('no table is too wide', JSON.stringify(cut))
    for (const [name, isWide, isMarked] of cut) if (isWide !== isMarked) wrong(name, 'is too wide:', isWide, 'and says so:', isMarked)
    await page.$eval('[data-panel="funnels"] .scroll', (it) => { it.scrollLeft = it.scrollWidth })
    await page.waitForFunction(() => !document.querySelector('[data-panel="funnels"] .scroll').classList.contains('cut'))
    if (!/points/.test(await page.textContent('[data-figure="bounces"] .change'))) wrong('the bounce rate does not change by points')
    if (/points/.test(await page.textContent('[data-figure="visitors"] .change'))) wrong('visitors change by points')
    if (!/EUR/.test(await page.textContent('[data-figure="revenue"]'))) wrong('revenue has no currency')
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
      for (const search of ['?site=shop&period=28d&tab-funnel-by=device', '?site=api', '?site=shop&f=country%3DFR&tab-devices=os', '?site=api&view=operations', '?site=shop&view=live', '?site=shop&view=settings', '?site=shop&f=country%3DFR&f=os%3DiOS', '?site=closed']) {
        await visit(page, search)
        await page.waitForTimeout(300)
        await page.evaluate(axe)
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
        for (const fault of violations) {
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
  }
}
