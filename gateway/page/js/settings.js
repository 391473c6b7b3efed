// The settings of a site, for the operator: the snippet, keys and tokens, what is counted and how long,
// alert rules.
import { html, useCallback, useEffect, useState } from './html.js'
import { ask, call, sitePath } from './api.js'
import { names, visitsOf } from './ask.js'
import { clock } from './format.js'
import { Panel } from './panel.js'

export function Settings({ start, reload, askToken }) {
  if (!start.operator) {
    return html`
      <section class="panel wide welcome">
        <h2>For the operator</h2>
        <p>Settings are changed with the operator’s token, <code>sites.admin_token</code> of the gateway’s configuration. On the command line: <code>analytics-gateway site --help</code>.</p>
        <button class="button" onClick=${askToken}>Enter a token</button>
      </section>`
  }
  return html`<${Forms} start=${start} reload=${reload} />`
}

/** What a form does with its answer: says that it waits, what went wrong, or that it is done. */
function useDoing(after) {
  const [state, setState] = useState({ busy: false, problem: '', done: '' })
  const run = useCallback(async (work, done = '') => {
    setState({ busy: true, problem: '', done: '' })
    try {
      const result = await work()
      setState({ busy: false, problem: '', done })
      after?.(result)
      return result
    } catch (failure) {
      setState({ busy: false, problem: failure.message, done: '' })
      return undefined
    }
  }, [after])
  return [state, run]
}

function Said({ state }) {
  if (state.problem) return html`<p class="problem" role="alert">${state.problem}</p>`
  return state.done ? html`<p class="quiet" role="status">${state.done}</p>` : null
}

function Forms({ start, reload }) {
  const [site, setSite] = useState(null)
  const [state, run] = useDoing(setSite)
  const load = useCallback(() => run(() => call('GET', sitePath(start.site, 'settings'))), [start.site, run])
  useEffect(() => {
    load()
  }, [load])
  if (!site) return html`<${Said} state=${state} />`
  return html`
    <div class="grid">
      <${Snippet} site=${site} onSaved=${setSite} />
      <${Access} site=${site} onSaved=${setSite} />
      <${Secrets} id="keys" kind="keys" title="Write keys" text="May send events. Shown once, when made." secrets=${site.write_keys} site=${start.site} onChanged=${load} zone=${start.info?.timezone ?? 'UTC'} />
      <${Secrets} id="tokens" kind="tokens" title="Read tokens" text="May ask, and open this page. Shown once, when made." secrets=${site.read_tokens} site=${start.site} onChanged=${load} zone=${start.info?.timezone ?? 'UTC'} />
      ${start.info && html`<${Counted} start=${start} reload=${reload} /><${Kept} start=${start} reload=${reload} /><${Visits} start=${start} reload=${reload} />`}
      <${Rules} start=${start} />
    </div>`
}

function Snippet({ site, onSaved }) {
  const [state, run] = useDoing(onSaved)
  const [domains, setDomains] = useState(site.domains.join(' '))
  const [copied, setCopied] = useState(false)
  const host = site.domains[0]
  const base = document.baseURI.replace(/[?#].*$/, '').replace(/\/$/, '')
  const text = `<script defer data-domain="${host ?? site.name}" src="${base}/js/script.js"></script>`
  const save = (event) => {
    event.preventDefault()
    run(() => call('PATCH', sitePath(site.name, 'settings'), { domains: domains.split(/[\s,]+/).filter(Boolean) }), 'Saved.')
  }
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false))
  return html`
    <${Panel} id="snippet" title="Snippet">
      <p>Into the head of every page:</p>
      <pre><code>${text}</code></pre>
      <button class="button" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button>
      <form onSubmit=${save}>
        <label>Host names whose pages send events here <input value=${domains} onInput=${(event) => setDomains(event.target.value)} placeholder="shop.example" /></label>
        <button class="button" disabled=${state.busy}>Save</button>
      </form>
      <${Said} state=${state} />
    <//>`
}

function Access({ site, onSaved }) {
  const [state, run] = useDoing(onSaved)
  const change = (body) => run(() => call('PATCH', sitePath(site.name, 'settings'), body), 'Saved.')
  const [goal, setGoal] = useState(site.goal)
  const modes = [['supplied', 'As the event says'], ['daily', 'A hash that changes daily'], ['monthly', 'A hash that changes monthly']]
  return html`
    <${Panel} id="access" title="Site">
      <label class="check"><input type="checkbox" checked=${site.public} onChange=${(event) => change({ public: event.target.checked })} /> Open to all: its figures need no token</label>
      <label class="check"><input type="checkbox" checked=${site.clear_ids} onChange=${(event) => change({ clear_ids: event.target.checked })} /> Show the ids of users in the live view</label>
      <label>Visitors are <select value=${site.id_mode} onChange=${(event) => change({ id_mode: event.target.value })}>${modes.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
      <form onSubmit=${(event) => { event.preventDefault(); change({ goal }) }}>
        <label>The event that is the goal <input value=${goal} onInput=${(event) => setGoal(event.target.value)} required /></label>
        <button class="button" disabled=${state.busy}>Save</button>
      </form>
      <${Said} state=${state} />
    <//>`
}

function Secrets({ id, kind, title, text, secrets, site, onChanged, zone }) {
  const [made, setMade] = useState('')
  const [label, setLabel] = useState('')
  const [state, run] = useDoing(onChanged)
  const when = clock(zone, { day: 'numeric', month: 'short', year: 'numeric' })
  const add = (event) => {
    event.preventDefault()
    run(async () => {
      const { secret } = await call('POST', sitePath(site, `secrets/${kind}`), { label })
      setMade(secret)
      setLabel('')
    })
  }
  const remove = (secret) => run(() => call('DELETE', sitePath(site, `secrets/${kind}/${secret.id}`)), 'Removed.')
  return html`
    <${Panel} id=${id} title=${title}>
      <p class="quiet">${text}</p>
      <ul class="plain-list">${secrets.map((secret) => html`
        <li key=${secret.id}><code>${secret.id}</code> <span>${secret.label}</span> <span class="quiet">${secret.created ? when(secret.created) : ''}</span>
          <button class="link danger" aria-label=${`Remove ${secret.label || secret.id}`} onClick=${() => remove(secret)}>Remove</button></li>`)}
      </ul>
      ${made && html`<p role="status">Shown once: <code class="secret">${made}</code></p>`}
      <form onSubmit=${add}>
        <label>What it is for <input value=${label} onInput=${(event) => setLabel(event.target.value)} /></label>
        <button class="button" disabled=${state.busy}>Make one</button>
      </form>
      <${Said} state=${state} />
    <//>`
}

function Counted({ start, reload }) {
  const [state, run] = useDoing(reload)
  const [kind, setKind] = useState('cubes')
  const [name, setName] = useState('')
  const add = (event) => {
    event.preventDefault()
    run(() => call('PATCH', sitePath(start.site, 'schema'), { [kind]: [name.trim()] }), `${name.trim()} is counted from now on.`)
  }
  const { info } = start
  const lists = [['Dimensions', names(info, 'dimensions')], ['Values', names(info, 'values')], ['Cubes', names(info, 'cubes')]]
  return html`
    <${Panel} id="counted" title="What is counted">
      <dl>${lists.map(([title, all]) => html`<dt>${title}</dt><dd>${all.length ? all.map((name) => html`<code key=${name}>${name}</code> `) : '–'}</dd>`)}</dl>
      <form onSubmit=${add}>
        <label>Add a <select value=${kind} onChange=${(event) => setKind(event.target.value)}>
          <option value="cubes">cube, for filters</option><option value="dimensions">dimension</option><option value="values">value</option></select></label>
        <label><span class="hidden">Name</span><input value=${name} onInput=${(event) => setName(event.target.value)} placeholder=${kind === 'cubes' ? 'country,page' : 'plan'} required /></label>
        <button class="button" disabled=${state.busy}>Count it</button>
      </form>
      <${Said} state=${state} />
    <//>`
}

function Kept({ start, reload }) {
  const [state, run] = useDoing(reload)
  const { retention, buckets, log } = start.info
  const save = (event) => {
    event.preventDefault()
    const given = new FormData(event.target)
    const changed = Object.keys(retention).filter((name) => given.get(name) !== retention[name])
    const body = { retention: Object.fromEntries(changed.map((name) => [name, given.get(name)])) }
    if (Number(given.get('log')) !== log) body.log = Number(given.get('log'))
    run(() => call('PATCH', sitePath(start.site, 'schema'), body), 'Saved.')
  }
  return html`
    <${Panel} id="kept" title="How long it is kept">
      <form onSubmit=${save} class="pairs">
        ${Object.entries(retention).map(([name, kept]) => html`
          <label key=${name}><span>${name}s</span><input name=${name} defaultValue=${kept} required /><span class="quiet">${buckets[name]} now</span></label>`)}
        <label><span>log of events</span><input name="log" type="number" min="0" defaultValue=${log} required /><span class="quiet">0 is none</span></label>
        <button class="button" disabled=${state.busy}>Save</button>
      </form>
      <${Said} state=${state} />
    <//>`
}

/** As many dimensions as visits are counted by. */
const MOST_BY = 4

function Visits({ start, reload }) {
  const [state, run] = useDoing(reload)
  const { info } = start
  const visits = visitsOf(info)
  const dimensions = names(info, 'dimensions').filter((name) => name !== 'from')
  const change = (words, done) => run(() => call('PATCH', sitePath(start.site, 'settings'), { visits: words.join(' ') }), done)
  const save = (event) => {
    event.preventDefault()
    const given = new FormData(event.target)
    const path = given.get('path') ? ['PATH', given.get('path')] : []
    // How many visitors are followed is not asked for here, and stays.
    const visitors = visits?.visitors.flatMap((count) => ['VISITORS', count]) ?? []
    const by = given.getAll('by').flatMap((name) => ['BY', name])
    change([given.get('timeout').trim(), ...path, ...by, ...visitors], 'Visits are counted so from now on.')
  }
  return html`
    <${Panel} id="visits" title="Visits">
      <p class="quiet">Visits, bounces, time, entry and exit pages. A change ends the visits under way.</p>
      <form onSubmit=${save}>
        <label>A visit ends after <input name="timeout" required size="6" defaultValue=${visits?.timeout ?? '30m'} /></label>
        <label>Its path <select name="path">
          <option value="">none</option>
          ${dimensions.map((name) => html`<option key=${name} value=${name} selected=${name === (visits ? visits.path : 'page')}>${name}</option>`)}</select></label>
        <fieldset><legend>Counted by, at most ${MOST_BY}</legend>
          ${dimensions.map((name) => html`<label key=${name} class="check"><input type="checkbox" name="by" value=${name} defaultChecked=${visits?.by.includes(name)} /> ${name}</label>`)}
        </fieldset>
        <button class="button" disabled=${state.busy}>${visits ? 'Save' : 'Count visits'}</button>
        ${visits && html`<button type="button" class="link danger" onClick=${() => change(['off'], 'Visits are no longer counted.')}>Off</button>`}
      </form>
      <${Said} state=${state} />
    <//>`
}

const OPERATORS = ['>', '>=', '<', '<=', '=', 'change>', 'change<']

function Rules({ start }) {
  const [rules, setRules] = useState([])
  const load = useCallback(() => {
    ask(start.site, { rules: { query: 'alerts' } }).then(({ rules }) => setRules(rules.data ?? []), () => {})
  }, [start.site])
  useEffect(load, [load])
  const [state, run] = useDoing(load)
  const add = (event) => {
    event.preventDefault()
    const given = new FormData(event.target)
    const name = given.get('name').trim()
    const rule = { metric: given.get('metric').trim(), window: given.get('window').trim(), op: given.get('op'), threshold: Number(given.get('threshold')) }
    if (given.get('for').trim()) rule.for = given.get('for').trim()
    run(() => call('PUT', sitePath(start.site, `alerts/${encodeURIComponent(name)}`), rule), `${name} is evaluated from now on.`)
  }
  const remove = (rule) => run(() => call('DELETE', sitePath(start.site, `alerts/${encodeURIComponent(rule.name)}`)), 'Removed.')
  return html`
    <${Panel} id="rules" title="Alert rules" wide>
      <ul class="plain-list">${rules.map((rule) => html`
        <li key=${rule.name}><b>${rule.name}</b> <code>${rule.metric} ${rule.window} ${rule.op} ${rule.threshold}</code>
          <button class="link danger" aria-label=${`Remove the rule ${rule.name}`} onClick=${() => remove(rule)}>Remove</button></li>`)}
      </ul>
      <form onSubmit=${add} class="inline-form">
        <label>Name <input name="name" required placeholder="slow" /></label>
        <label>Metric <input name="metric" required placeholder="latency:p95" /></label>
        <label>Window <input name="window" required placeholder="5m" size="5" /></label>
        <label>Is <select name="op">${OPERATORS.map((op) => html`<option key=${op}>${op}</option>`)}</select></label>
        <label>Threshold <input name="threshold" type="number" step="any" required size="8" /></label>
        <label>For <input name="for" placeholder="at once" size="6" /></label>
        <button class="button" disabled=${state.busy}>Set</button>
      </form>
      <${Said} state=${state} />
    <//>`
}
