// How quick the page is, what open pages cost, and pictures of it.
import { readFile, writeFile } from 'node:fs/promises'
import { open, operate, pause, plan, visit, wrong } from './harness.mjs'

/** What was measured: medians in milliseconds by period, the share of a core. */
const speed = {}

export default {
  async the_page_is_quick() {
    const page = await open()
    const periods = plan.limits ? ['28d', '365d'] : ['28d']
    for (const period of periods) {
      const times = []
      for (let turn = 0; turn < (plan.limits ? 7 : 3); turn += 1) {
        await page.goto('about:blank')
        const begun = Date.now()
        await visit(page, `?site=shop&period=${period}`)
        const all = Date.now() - begun
        const first = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)
        times.push([Math.round(first), all])
      }
      const median = (place) => times.map((row) => row[place]).sort((a, b) => a - b)[(times.length - 1) / 2]
      const [first, all] = [median(0), median(1)]
      console.log(`${period}: first paint and all panels, in ms: ${JSON.stringify(times)}`)
      speed[period] = { first, all, visit: times[0] }
      if (plan.limits && (first > plan.limits.first || all > plan.limits.all)) wrong('too slow:', period, JSON.stringify(times))
    }
    await writeFile(`${plan.folder}/speed.json`, JSON.stringify(speed))
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
    speed.share = share
    await writeFile(`${plan.folder}/speed.json`, JSON.stringify(speed))
    if (plan.limits && share > plan.limits.share) wrong('50 open pages take', share, 'of a core')
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
