// posthog-node as it is published: 50 purchases of 10 users, a page view, an identify, a flag.
import { PostHog } from 'posthog-node'

const [host, key] = process.argv.slice(2)
const posthog = new PostHog(key, { host, flushAt: 20, flushInterval: 100 })
posthog.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
for (let i = 0; i < 50; i++) {
  posthog.capture({ distinctId: `user${i % 10}`, event: 'bought', properties: { revenue: i, plan: 'pro' } })
}
posthog.identify({ distinctId: 'user0', properties: { email: 'someone@example.com' } })
posthog.capture({
  distinctId: 'user0',
  event: '$pageview',
  properties: { $current_url: 'https://app.example/home' }
})
const flag = await posthog.getFeatureFlag('anything', 'user0', { sendFeatureFlagEvents: false })
if (flag) throw new Error(`there are no flags: ${flag}`)
await posthog.shutdown()
