// @segment/analytics-node as it is published: 50 purchases of 10 users, a page, an identify.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, maxRetries: 1 })
const failures = []
analytics.on('error', (error) => failures.push(error))
for (let i = 0; i < 50; i++) {
  analytics.track({ userId: `user${i % 10}`, event: 'Bought', properties: { revenue: i, plan: 'pro' } })
}
analytics.identify({ userId: 'user0', traits: { email: 'someone@example.com' } })
analytics.page({ userId: 'user0', name: 'Home', properties: { url: 'https://app.example/' } })
await analytics.closeAndFlush()
if (failures.length > 0) {
  console.error(failures)
  process.exit(1)
}
