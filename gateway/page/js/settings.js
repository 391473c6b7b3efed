// The settings of a site, for the operator: the snippet, keys and tokens; what is counted
// (`counting.js`), funnels and alert rules (`rules.js`).
import { html, useCallback, useEffect, useState } from './html.js'
import { call, sitePath } from './api.js'
import { Counted, Kept, Returning, Visits } from './counting.js'
import { Said, useDoing } from './doing.js'
import { clock } from './format.js'
import { Copy, Panel } from './panel.js'
import { FunnelForms, Rules } from './rules.js'

export function Settings({ start, reload, askToken }) {
  if (!start.operator) {
    return html`
      <${Panel} id="snippet" title="Snippet" wide><${Tag} host=${start.domain ?? start.site} /><//>
      <section class="panel wide welcome">
        <h2>For the operator</h2>
        <p>Here are write keys and read tokens, what is counted and how long it is kept, visits, returning visitors, funnels and alerts.</p>
        <p>Settings are changed with the operator’s token, <code>sites.admin_token</code> of the gateway’s configuration. On the command line: <code>analytics-gateway site --help</code>.</p>
        <button class="button" onClick=${askToken}>Enter a token</button>
      </section>`
  }
  return html`<${Forms} start=${start} reload=${reload} />`
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
      ${start.info && html`<${Counted} start=${start} reload=${reload} /><${Kept} start=${start} reload=${reload} /><${Visits} start=${start} reload=${reload} /><${Returning} start=${start} reload=${reload} /><${FunnelForms} start=${start} reload=${reload} />`}
      <${Rules} start=${start} />
    </div>`
}

function Tag({ host }) {
  const base = document.baseURI.replace(/[?#].*$/, '').replace(/\/$/, '')
  const text = `<script defer data-domain="${host}" src="${base}/js/script.js"></script>`
  return html`<p>Into the head of every page:</p><pre><code>${text}</code></pre><p><${Copy} text=${text} /></p>`
}

function Snippet({ site, onSaved }) {
  const [state, run] = useDoing(onSaved)
  const [domains, setDomains] = useState(site.domains.join(' '))
  const save = (event) => {
    event.preventDefault()
    run(() => call('PATCH', sitePath(site.name, 'settings'), { domains: domains.split(/[\s,]+/).filter(Boolean) }), 'Saved.')
  }
  return html`
    <${Panel} id="snippet" title="Snippet">
      <${Tag} host=${site.domains[0] ?? site.name} />
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
