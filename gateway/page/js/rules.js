// Settings of alert rules and of funnels: lists, and a form that makes one.
import { html, useCallback, useEffect, useState } from './html.js'
import { ask, call, sitePath } from './api.js'
import { names } from './ask.js'
import { Said, useDoing } from './doing.js'
import { conditionName } from './funnels.js'
import { Panel } from './panel.js'

/** The answer to one question, and how to ask it again. */
function useList(site, query) {
  const [rows, setRows] = useState([])
  const load = useCallback(() => {
    ask(site, { rows: { query } }).then(({ rows }) => setRows(rows.data ?? []), () => {})
  }, [site, query])
  useEffect(load, [load])
  return [rows, load]
}

const OPERATORS = ['>', '>=', '<', '<=', '=', 'change>', 'change<']

export function Rules({ start }) {
  const [rules, load] = useList(start.site, 'alerts')
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

const FEWEST = 2
const MOST = 8

/** Its steps are conditions, one a line. */
export function FunnelForms({ start, reload }) {
  const [funnels, load] = useList(start.site, 'funnels')
  const after = useCallback(() => {
    load()
    reload()
  }, [load, reload])
  const [state, run] = useDoing(after)
  const [asks, setAsks] = useState('')
  const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean)
  const path = (name) => sitePath(start.site, `funnels/${encodeURIComponent(name)}`)
  const add = (event) => {
    event.preventDefault()
    const given = new FormData(event.target)
    const name = given.get('name').trim()
    const funnel = { within: given.get('within').trim(), steps: lines(given.get('steps')), exclude: lines(given.get('exclude')), by: given.getAll('by') }
    run(async () => {
      const other = funnels.find((known) => known.name === name)
      if (other && asks !== name) {
        setAsks(name)
        throw new Error(`There is a funnel ${name}. If this one differs, it begins anew, and what that has counted is gone. Press the button again to go on.`)
      }
      setAsks('')
      await call('PUT', path(name), funnel)
    }, `${name} is counted from now on.`)
  }
  const remove = (name) => run(() => call('DELETE', path(name)), `${name} is removed.`)
  return html`
    <${Panel} id="funnel-forms" title="Funnels" wide>
      <ul class="plain-list">${funnels.map((funnel) => html`
        <li key=${funnel.name}><b>${funnel.name}</b> <span>${funnel.steps.map(conditionName).join(' → ')}</span> <span class="quiet">within ${funnel.within}</span>
          ${asks === `-${funnel.name}`
            ? html`<button class="link danger" onClick=${() => remove(funnel.name)}>Remove ${funnel.name} and its numbers</button>`
            : html`<button class="link danger" aria-label=${`Remove the funnel ${funnel.name}`} onClick=${() => setAsks(`-${funnel.name}`)}>Remove</button>`}</li>`)}
      </ul>
      <form onSubmit=${add} class="inline-form">
        <label>Name <input name="name" required placeholder="signup" /></label>
        <label>Within <input name="within" required defaultValue="7d" size="5" /></label>
        <label class="long">Steps, one a line, ${FEWEST} to ${MOST} <textarea name="steps" rows="4" required placeholder=${'event=pageview&page=/pricing\nevent=signup'}></textarea></label>
        <label class="long">Events that end it, if any <textarea name="exclude" rows="4" placeholder="event=logout"></textarea></label>
        <fieldset><legend>Counted by, at most 4</legend>
          ${names(start.info, 'dimensions').filter((name) => name !== 'from').map((name) => html`<label key=${name} class="check"><input type="checkbox" name="by" value=${name} /> ${name}</label>`)}
        </fieldset>
        <button class="button" disabled=${state.busy}>Set</button>
      </form>
      <${Said} state=${state} />
    <//>`
}
