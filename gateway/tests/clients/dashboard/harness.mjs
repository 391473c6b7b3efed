// What the tests of the page share: the plan, the browser, and how to read what the page shows.
//
// The plan has `url`, `browser`, `folder` for pictures, `redis` (a process to stop and go on), `key` of
// the site `shop`, `operator`, and `checks`: `{search, figures, before, rows, values}`.
import { readFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'

export const plan = JSON.parse(await readFile(process.argv[2], 'utf8'))
export const failures = []
export const wrong = (...words) => {
  failures.push(words.join(' '))
  console.error(...words)
}
export const browser = await chromium.launch({
  executablePath: plan.browser,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
})

export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/** A page of a fresh profile that reports what no page may do. */
export async function open(options = {}) {
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

export async function answered(page) {
  await page.waitForFunction(() => {
    const main = document.querySelector('main')
    const busy = document.querySelector('main [aria-busy="true"], main .fading')
    return main && !busy && main.querySelector('.figure, .panel, .status')
  }, null, { timeout: 20_000 })
}

export async function visit(page, search) {
  await page.goto(`${plan.url}/${search}`)
  await answered(page)
}

/** From now on with the operator's token. */
export async function operate(page) {
  await page.context().addInitScript((token) => sessionStorage.setItem('analytics-token', token), plan.operator)
}

export const near = (a, b, part) => a === b || Math.abs(a - b) <= Math.abs(b) * part + 1e-9

/** Distinct counts have a standard error of 0.8 % beyond 2,560, and are near exact below. */
export const crowd = (number) => (number > 2_500 ? 0.03 : 0.002)

export const figuresOf = (page) => page.$$eval('.figure', (all) => Object.fromEntries(all.map((it) => [it.dataset.figure, {
  now: Number(it.dataset.number), before: it.dataset.before === undefined ? null : Number(it.dataset.before)
}])))

export const rowsOf = (page, panel) => page.$$eval(`[data-panel="${panel}"] li[data-value]`, (all) => all.map((it) => [it.dataset.value, Number(it.dataset.number)]))

export async function showAll(page) {
  for (const button of await page.$$('.panel .more[aria-expanded="false"]')) await button.click()
}

/** The page's numbers against the oracle's: percentiles within 1 %, distinct counts as above, the others exact. */
export async function compare(page, check) {
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
  for (const [panel, expected] of Object.entries(check.changes ?? {})) {
    const shown = new Map(await page.$$eval(`[data-panel="${panel}"] li[data-value]`, (all) => all.map((it) => [it.dataset.value, it.querySelector('.gain').dataset.extra])))
    for (const [value, now, before] of expected) {
      const gain = Number(shown.get(value) ?? NaN)
      if (!(Math.abs(gain - (now - before)) <= crowd(now) * now + crowd(before) * before)) wrong(check.search, panel, value, 'changes by', gain, 'the oracle says', now, 'after', before)
    }
  }
}

export const api = async (path) => {
  const response = await fetch(`${plan.url}/api/v1/sites/${path}`)
  if (!response.ok) wrong('the API:', path, response.status)
  return response.json()
}

/** So many whole days before today. */
export function window(days) {
  const day = (back) => new Intl.DateTimeFormat('en-CA', { timeZone: plan.zone }).format(new Date(Date.now() - back * 86_400_000))
  return `${day(days)}..${day(0)}`
}
