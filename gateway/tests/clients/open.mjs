// Opens a page in headless Chromium, and stays until the gateway has taken what the page sends.
//
//   open.mjs http://localhost:8000/page.html /usr/bin/chromium
import { openBrowser } from './browser.mjs'

const [url, browserPath] = process.argv.slice(2)
const { browser, page } = await openBrowser(browserPath)
const taken = page.waitForResponse((response) => response.url().endsWith('/api/event'))
await page.goto(url)
const status = (await taken).status()
await browser.close()
if (status !== 202) {
  console.error('the gateway answered', status)
  process.exitCode = 1
}
