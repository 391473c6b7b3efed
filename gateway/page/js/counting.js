// Settings of what the module counts: dimensions, values, cubes, how long, visits, and who was there before.
import { html, useState } from './html.js'
import { call, sitePath } from './api.js'
import { names, visitsOf } from './ask.js'
import { Said, useDoing } from './doing.js'
import { Panel } from './panel.js'

export function Counted({ start, reload }) {
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

export function Kept({ start, reload }) {
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

export function Visits({ start, reload }) {
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

/** How long users are remembered, so that some are new and others return. */
export function Returning({ start, reload }) {
  const [state, run] = useDoing(reload)
  const [asks, setAsks] = useState(false)
  const { returning } = start.info
  const change = (words, done) => run(() => call('PATCH', sitePath(start.site, 'settings'), { returning: words.join(' ') }), done)
  const save = (event) => {
    event.preventDefault()
    // How many users are remembered is not asked for here, and stays.
    change([new FormData(event.target).get('horizon').trim(), ...(returning ?? []).slice(1)], 'Users are remembered from now on.')
  }
  const forget = () => {
    setAsks(false)
    change(['off'], 'All users are forgotten.')
  }
  return html`
    <${Panel} id="returning" title="Returning visitors">
      <p class="quiet">New and returning visitors, and cohorts. They are as good as the ids of users: an id that changes daily makes everybody new every day.</p>
      <form onSubmit=${save}>
        <label>A user is remembered for <input name="horizon" required size="6" defaultValue=${returning?.[0] ?? '365d'} /></label>
        <button class="button" disabled=${state.busy}>${returning ? 'Save' : 'Remember users'}</button>
        ${returning && (asks
          ? html`<button type="button" class="button danger" onClick=${forget}>Forget all users</button><button type="button" class="link" onClick=${() => setAsks(false)}>Keep them</button>`
          : html`<button type="button" class="link danger" onClick=${() => setAsks(true)}>Off</button>`)}
      </form>
      <${Said} state=${state} />
    <//>`
}
