// The page in headless Chromium, held against what the oracle of the demo and the API say.
//
//   dashboard.mjs plan.json
//
// `dashboard/harness.mjs` says what the plan has. What is wrong is printed; the status says whether
// anything was. ANALYTICS_PAGE_TESTS names the tests to run, ANALYTICS_PAGE_WITHOUT those to leave out.
import { mkdir } from 'node:fs/promises'
import { browser, failures, plan, wrong } from './dashboard/harness.mjs'
import looks from './dashboard/looks.mjs'
import numbers from './dashboard/numbers.mjs'
import states from './dashboard/states.mjs'
import use from './dashboard/use.mjs'

const only = process.env.ANALYTICS_PAGE_TESTS?.split(',')
const without = process.env.ANALYTICS_PAGE_WITHOUT?.split(',') ?? []
const tests = { ...numbers, ...use, ...states, ...looks }

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
