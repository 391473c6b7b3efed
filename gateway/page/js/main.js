// The frame: who may see what, the address as the state, the head of the page, and one of the views.
import { html, render, useCallback, useEffect, useMemo, useRef, useState } from './html.js'
import { hasToken, listen, setToken, start as ask } from './api.js'
import { dateIn } from './period.js'
import { read, write } from './route.js'
import { Status } from './answers.js'
import { Foot, Head } from './head.js'
import { Live } from './live.js'
import { Operations } from './operations.js'
import { Settings } from './settings.js'
import { Web } from './web.js'

const VIEWS = { web: Web, operations: Operations, live: Live, settings: Settings }

function useRoute() {
  const [route, setRoute] = useState(() => read(location.search))
  useEffect(() => {
    const back = () => setRoute(read(location.search))
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
  const navigate = useCallback((patch) => {
    const next = { ...read(location.search), ...patch }
    history.pushState(null, '', write(next))
    setRoute(read(location.search))
  }, [])
  return [route, navigate]
}

/** The site and its settings; asked for again when the token or the site changes, and after a failure. */
function useStart(site) {
  const [state, setState] = useState({ start: null, failure: null })
  const [turn, setTurn] = useState(0)
  const reload = useCallback(() => setTurn((turn) => turn + 1), [])
  useEffect(() => {
    const control = new AbortController()
    let timer
    ask(site, control.signal).then(
      (start) => setState({ start, failure: null }),
      (failure) => {
        if (control.signal.aborted) return
        setState((state) => ({ start: failure.status === 401 ? null : state.start, failure }))
        if (failure.status !== 401 && failure.status !== 404) timer = setTimeout(reload, 3_000)
      }
    )
    return () => {
      control.abort()
      clearTimeout(timer)
    }
  }, [site, turn])
  return { ...state, reload }
}

const NOTHING = { figures: null, connected: null, events: null, day: '' }

/** Figures every few seconds and, for the live view, events: handed to whoever subscribes. */
function useLive(start, wantsEvents) {
  const [state, setState] = useState(NOTHING)
  const subscribers = useRef(new Set())
  const zone = start?.info?.timezone ?? 'UTC'
  useEffect(() => {
    if (!start) return undefined
    const control = new AbortController()
    const onMessage = (message) => {
      if (message.type === 'initial_stats' || message.type === 'heartbeat') {
        const day = dateIn(zone, message.data.timestamp)
        setState((state) => ({ ...state, figures: message.data, events: message.data.total_events, day }))
      } else if (message.visitor_id !== undefined) {
        subscribers.current.forEach((subscriber) => subscriber(message))
      }
    }
    const onState = (connected) => setState((state) => ({ ...state, connected }))
    setState(NOTHING)
    listen(start.site, wantsEvents, onMessage, onState, control.signal)
    return () => control.abort()
  }, [start?.site, wantsEvents, zone])
  const subscribe = useCallback((subscriber) => {
    subscribers.current.add(subscriber)
    return () => subscribers.current.delete(subscriber)
  }, [])
  return useMemo(() => ({ ...state, subscribe }), [state, subscribe])
}

const system = matchMedia('(prefers-color-scheme: dark)')

function chosen() {
  return document.documentElement.dataset.theme ?? 'system'
}

function useTheme() {
  const [theme, setState] = useState(chosen)
  const [, again] = useState(0)
  useEffect(() => {
    const changed = () => again((turn) => turn + 1)
    system.addEventListener('change', changed)
    return () => system.removeEventListener('change', changed)
  }, [])
  const setTheme = useCallback((theme) => {
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    try {
      localStorage.setItem('theme', theme)
    } catch {
      // Then it holds until the page is left.
    }
    setState(theme)
  }, [])
  const shown = theme === 'system' ? (system.matches ? 'dark' : 'light') : theme
  return [shown, setTheme]
}

function App() {
  const [route, navigate] = useRoute()
  const { start, failure, reload } = useStart(route.site)
  const live = useLive(start, route.view === 'live')
  const [theme, setTheme] = useTheme()
  const [asksToken, setAsksToken] = useState(false)
  useEffect(() => setAsksToken(false), [route.site, route.view])
  useEffect(() => {
    const view = { web: '', operations: 'operations, ', live: 'live, ', settings: 'settings, ' }[route.view]
    document.title = start ? `${start.site}: ${view}analytics` : 'Analytics'
  }, [start?.site, route.view])

  const useToken = (token) => {
    setToken(token)
    setAsksToken(false)
    reload()
  }
  const needsToken = failure?.status === 401 || asksToken
  if (!start && !failure) return html`<${Head} route=${route} navigate=${navigate} live=${live} /><main class="inside"><p class="quiet">Loading…</p></main>`
  const View = VIEWS[route.view]
  return html`
    <a class="skip" href="#main">To the figures</a>
    <${Head} route=${route} navigate=${navigate} start=${start} live=${live} />
    <main class="inside" id="main" tabindex="-1">
      <h1 class="hidden">${start ? `${start.site}, ${route.view}` : 'Analytics'}</h1>
      ${needsToken
        ? html`<${Login} failure=${failure} onToken=${useToken} onCancel=${asksToken && start ? () => setAsksToken(false) : null} />`
        : start
          ? html`<${View} key=${`${start.site} ${route.view}`} start=${start} route=${route} navigate=${navigate} reload=${reload} live=${live} theme=${theme} askToken=${() => setAsksToken(true)} />`
          : failure.status === 404
            ? html`<section class="panel wide welcome"><h2>No such site</h2><p>${failure.message}. Make one: <code>analytics-gateway site add shop --public true</code></p></section>`
            : html`<${Status} failure=${failure} again=${reload} zone="UTC" />`}
    </main>
    <${Foot} start=${start} onTheme=${setTheme} onToken=${() => (hasToken() ? useToken('') : setAsksToken(true))} hasToken=${hasToken()} />`
}

/** Asks for a token. It is kept for this tab of the browser only. */
function Login({ failure, onToken, onCancel }) {
  const [text, setText] = useState('')
  const submit = (event) => {
    event.preventDefault()
    onToken(text)
  }
  const wrong = failure?.status === 401 && /does not open/.test(failure.message)
  return html`
    <section class="panel login" aria-labelledby="login" onKeyDown=${(event) => event.key === 'Escape' && onCancel?.()}>
      <h2 id="login">${onCancel ? 'Sign in with a token' : 'A token opens this page'}</h2>
      <p>A read token of a site shows its figures; the operator’s shows all sites and their settings. It is kept until this tab is closed.</p>
      <form onSubmit=${submit}>
        <label>Token <input type="password" autocomplete="off" spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)} aria-invalid=${wrong} placeholder="rt_…" required /></label>
        <button class="button">Open</button>
        ${onCancel && html`<button type="button" class="link" onClick=${onCancel}>Cancel</button>`}
      </form>
      ${wrong && html`<p class="problem" role="alert">This token does not open the site.</p>`}
      <p class="quiet">Make one: <code>analytics-gateway site token shop</code>. Or open a site to all: <code>analytics-gateway site add shop --public true</code>.</p>
    </section>`
}

const place = document.getElementById('app')
place.replaceChildren()
render(html`<${App} />`, place)
