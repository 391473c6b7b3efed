// The head: which site, which view, who is there now; below it the period and the filters.
import { html, useState } from './html.js'
import { cubeOf } from './ask.js'
import { compact, label } from './format.js'
import { COMPARISONS, PERIODS, addDays, dateIn, inWords, isDate, resolve } from './period.js'
import { VIEWS, withFilter } from './route.js'

const THEMES = [['system', 'System'], ['light', 'Light'], ['dark', 'Dark']]

function Link({ patch, route, navigate, current, children }) {
  const click = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
    event.preventDefault()
    navigate(patch)
  }
  const href = `?${new URLSearchParams({ ...(route.site ? { site: route.site } : {}), ...patch })}`
  return html`<a href=${href} aria-current=${current ? 'page' : undefined} onClick=${click}>${children}</a>`
}

function Sites({ start, navigate }) {
  if (start.sites.length < 2) return html`<span class="brand">${start.site}</span>`
  // Browsers measure the options in a lighter font than that of the name.
  const pick = (event) => navigate({ site: event.target.value, filters: [], tabs: {}, figure: '', value: '', by: '' })
  return html`
    <label class="brand"><span class="hidden">Site</span>
      <select value=${start.site} onChange=${pick} style=${`min-width:${Math.max(...start.sites.map((site) => site.length)) + 3}ch`}>${start.sites.map((site) => html`<option key=${site} value=${site}>${site}</option>`)}</select>
    </label>`
}

export function Head({ route, navigate, start, live }) {
  const now = live.figures?.current_visitors
  return html`
    <header class="bar">
      <div class="inside">
        ${start ? html`<${Sites} start=${start} navigate=${navigate} />` : html`<span class="brand">Analytics</span>`}
        ${start && html`
          <nav aria-label="Views">
            ${VIEWS.map(([view, name]) => html`<${Link} key=${view} route=${route} navigate=${navigate} patch=${{ view, figure: '' }} current=${view === route.view}>${name}<//>`)}
          </nav>
          <span class="spring"></span>
          <a class=${`now${live.connected ? '' : ' lost'}`} href="?view=live" onClick=${(event) => { event.preventDefault(); navigate({ view: 'live' }) }}
            title=${live.connected === false ? 'The live stream is not connected; it is tried again.' : 'Visitors of the last five minutes'} data-number=${now}>
            <i aria-hidden="true"></i>${now === undefined ? '–' : compact(now)}<span> now</span>
          </a>
`}
      </div>
    </header>
    ${start?.info && (route.view === 'web' || route.view === 'operations') && html`<${Controls} route=${route} navigate=${navigate} start=${start} />`}`
}

/** The foot: what belongs to whoever reads rather than to the site. */
export function Foot({ start, onTheme, onToken, hasToken }) {
  return html`
    <footer class="inside quiet">
      ${start?.info && html`<span>Times in ${start.info.timezone}</span>`}
      <a href="api/openapi.json">API</a>
      <span class="spring"></span>
      <label>Theme <select value=${document.documentElement.dataset.theme ?? 'system'} onChange=${(event) => onTheme(event.target.value)}>
        ${THEMES.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
      <button class="link" onClick=${onToken}>${hasToken ? 'Forget token' : 'Enter a token'}</button>
    </footer>`
}

function Controls({ route, navigate, start }) {
  const zone = start.info.timezone
  const pick = (event) => {
    const period = event.target.value
    const today = dateIn(zone, Date.now())
    const dates = period === 'custom' && !isDate(route.from) ? { from: addDays(today, -14), to: addDays(today, -1) } : {}
    navigate({ period, ...dates })
  }
  return html`
    <section class="controls inside" aria-label="Filters and period">
      <div class="filters" role="group" aria-label="Filters">
        ${route.filters.map(([dimension, value]) => html`
          <span class="chip" key=${dimension}><span>${dimension} <b>${label(dimension, value)}</b></span>
            <button aria-label=${`Remove the filter ${dimension} ${value}`} onClick=${() => navigate(withFilter(route, dimension, value))}>×</button></span>`)}
        ${route.filters.length > 1 && html`<button class="link" onClick=${() => navigate({ filters: [] })}>Remove all</button>${cubeOf(start.info, route.filters.map(([name]) => name)) && html`<span class="note">Counted together since this was declared</span>`}`}
      </div>
      <div class="periods">
        ${route.period === 'custom' && html`<${Dates} route=${route} navigate=${navigate} />`}
        <label><span class="hidden">Period</span>
          <select value=${route.period} onChange=${pick} data-control="period">${PERIODS.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
        <label><span class="hidden">Compare with</span>
          <select value=${route.compare} onChange=${(event) => navigate({ compare: event.target.value })} data-control="compare">${COMPARISONS.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
        <p class="quiet" data-control="dates">${inWords(resolve(route, start.info, Date.now()), dateIn(zone, Date.now()))}</p>
      </div>
    </section>`
}

function Dates({ route, navigate }) {
  const [from, setFrom] = useState(route.from)
  const [to, setTo] = useState(route.to)
  const wrong = isDate(from) && isDate(to) && from > to
  const set = (name, set) => (event) => {
    const date = event.target.value
    set(date)
    const next = { from, to, [name]: date }
    if (isDate(next.from) && isDate(next.to) && next.from <= next.to) navigate(next)
  }
  return html`
    <span class="dates">
      <label><span class="hidden">From</span><input type="date" value=${from} onChange=${set('from', setFrom)} aria-invalid=${wrong} /></label>
      <span aria-hidden="true">to</span>
      <label><span class="hidden">To</span><input type="date" value=${to} onChange=${set('to', setTo)} aria-invalid=${wrong} /></label>
      ${wrong && html`<span class="problem" role="alert">From lies after to.</span>`}
    </span>`
}

