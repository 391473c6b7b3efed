// A page in headless Chromium, as a visitor's browser shows it: the flags say that nothing automates
// it, for what is automated is not counted.
import { chromium } from 'playwright-core'

const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

export async function openBrowser(executablePath) {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-blink-features=AutomationControlled',
      '--host-resolver-rules=MAP *.example 127.0.0.1'
    ]
  })
  const context = await browser.newContext({ userAgent: agent })
  return { browser, page: await context.newPage() }
}
