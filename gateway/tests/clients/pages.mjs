// A page in headless Chromium, measured by the gateway's script or by Plausible's tracker: two page
// views of a single-page application, a custom event with revenue, a click on a link that leads
// away, half a second of attention each.
//
//   pages.mjs http://127.0.0.1:8080 script|tracker /usr/bin/chromium
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { openBrowser } from './browser.mjs'

const [gateway, kind, browserPath] = process.argv.slice(2)
const tracker = new URL('../node_modules/@plausible-analytics/tracker/plausible.js', import.meta.url)

const measured = {
  script: `<script defer data-domain="blog.example" src="${gateway}/js/script.js"></script>`,
  tracker: `<script type="module">
    import { init, track } from '/tracker.js'
    init({ domain: 'blog.example', endpoint: '${gateway}/api/event', outboundLinks: true })
    window.analytics = track
  </script>`
}
const server = createServer(async (request, response) => {
  if (request.url === '/tracker.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' })
    response.end(await readFile(tracker))
    return
  }
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(`<!doctype html><title>Blog</title>${measured[kind]}
    <body style="height: 3000px"><a id="out" href="http://other.example/x">away</a>`)
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))

const { browser, page } = await openBrowser(browserPath)
page.on('pageerror', (error) => {
  console.error(error)
  process.exitCode = 1
})
const answers = []
page.on('response', (response) => {
  if (response.url().endsWith('/api/event')) answers.push(response.status())
})
await page.goto(`http://blog.example:${server.address().port}/one?utm_source=news`)
await page.waitForFunction(() => typeof window.analytics === 'function')
await page.bringToFront()
await page.waitForTimeout(700)
await page.evaluate(() => scrollTo(0, 1000))
await page.waitForTimeout(200)
await page.evaluate(() => history.pushState({}, '', '/two'))
await page.waitForTimeout(700)
await page.evaluate(() =>
  window.analytics('Signup', { props: { plan: 'pro' }, revenue: { amount: 9.5, currency: 'EUR' } })
)
await page.evaluate(() => addEventListener('click', (click) => click.preventDefault()))
await page.click('#out')
await page.waitForTimeout(700)
await page.goto('about:blank')
await page.waitForTimeout(500)
await browser.close()
server.close()
if (answers.length < 4 || answers.some((status) => status !== 202)) {
  console.error('answers of the gateway:', answers)
  process.exitCode = 1
}
