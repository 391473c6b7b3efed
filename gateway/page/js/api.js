// Talking to the gateway. A token is kept for the tab of the browser only, and sent in a header, so
// that it stands in no address and no log.

const KEY = 'analytics-token'
let token = ''
try {
  token = sessionStorage.getItem(KEY) ?? ''
} catch {
  // Storage may be switched off: the token is kept until the page is left.
}

export function hasToken() {
  return token !== ''
}

export function setToken(text) {
  token = text.trim()
  try {
    if (token) sessionStorage.setItem(KEY, token)
    else sessionStorage.removeItem(KEY)
  } catch {
    // As above.
  }
}

/** What went wrong: `code` is the gateway's, or `network` where there was no answer. */
export class Failure extends Error {
  constructor(code, message, status = 0) {
    super(message)
    this.code = code
    this.status = status
  }
}

function headers(more) {
  return token ? { ...more, authorization: `Bearer ${token}` } : { ...more }
}

async function send(path, options) {
  let response
  try {
    response = await fetch(path, { ...options, headers: headers(options?.headers), cache: 'no-store' })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Failure('network', 'The gateway is not reached.')
  }
  if (response.ok) return response
  const body = await response.json().catch(() => null)
  const said = body?.error
  throw new Failure(said?.code ?? 'internal', said?.message ?? `The gateway answers ${response.status}.`, response.status)
}

/** JSON with a method and, if need be, a body. */
export async function call(method, path, body, signal) {
  const options = { method, signal }
  if (body !== undefined) {
    options.body = JSON.stringify(body)
    options.headers = { 'content-type': 'application/json' }
  }
  const response = await send(path, options)
  return response.status === 204 ? null : response.json()
}

export function start(site, signal) {
  return call('GET', `api/v1/page${site ? `?site=${encodeURIComponent(site)}` : ''}`, undefined, signal)
}

export function sitePath(site, rest) {
  return `api/v1/sites/${encodeURIComponent(site)}/${rest}`
}

/**
 * Questions by names of our own, all in one request: `{name: {data} or {error}}`. The gateway takes
 * 64 in a request.
 */
export async function ask(site, questions, signal) {
  const names = Object.keys(questions)
  const answers = {}
  for (let from = 0; from < names.length; from += 64) {
    const some = names.slice(from, from + 64)
    const queries = some.map((name) => questions[name])
    const { results } = await call('POST', 'api/v1/query', { site, queries }, signal)
    some.forEach((name, place) => {
      answers[name] = results[place]
    })
  }
  return answers
}

/** Server-sent events until the signal ends it; connects again by itself, later each time. */
export async function listen(site, wantsEvents, onMessage, onState, signal) {
  let pause = 1_000
  while (!signal.aborted) {
    try {
      const response = await send(sitePath(site, `live${wantsEvents ? '' : '?events=false'}`), { signal })
      onState(true)
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        text += value
        const messages = text.split('\n\n')
        text = messages.pop()
        for (const message of messages) {
          const lines = message.split('\n').filter((line) => line.startsWith('data:'))
          if (lines.length) onMessage(JSON.parse(lines.map((line) => line.slice(5).trimStart()).join('\n')))
        }
        pause = 1_000
      }
    } catch (error) {
      if (signal.aborted) return
      if (error.status === 401 || error.status === 403) {
        onState(false)
        return
      }
    }
    onState(false)
    await new Promise((done) => setTimeout(done, pause))
    pause = Math.min(pause * 2, 15_000)
  }
}
