// Funnels: how far people get from step to step, where they leave, and how long it takes them.
import { html } from './html.js'
import { compact, exact, label, percent, seconds, NONE } from './format.js'
import { Answered, Panel, Scroll, save, table } from './panel.js'

const VALUES = 20

/** `{name, by, names, question}`, of the funnel that is chosen or of the first; without any, no question. */
export function funnelsOf(info, route, window) {
  const names = info.funnels ?? []
  if (!names.length) return { names }
  const name = names.includes(route.tabs.funnel) ? route.tabs.funnel : names[0]
  const by = route.tabs['funnel-by'] ?? ''
  const question = { query: 'funnel', name, window }
  if (by) Object.assign(question, { by, limit: VALUES })
  return { names, name, by, question }
}

/** A condition as people read it: what stands after the event's name and the page's is named. */
export function conditionName(condition) {
  const parts = []
  // An & in front of a name and = begins the next part, unless it is doubled or a ? stands before it.
  for (const part of condition.split(/(?<!&)&(?=[\w.:-]+=)/)) {
    if (parts.at(-1)?.includes('?')) parts.push(`${parts.pop()}&${part}`)
    else parts.push(part)
  }
  return parts.map((part) => {
    const at = part.indexOf('=')
    const [name, value] = [part.slice(0, at), part.slice(at + 1).replaceAll('&&', '&')]
    return name === 'event' || name === 'page' ? label(name, value) : `${name} ${label(name, value)}`
  }).join(' ')
}

export function Funnels({ funnels, all, answer, route, start, zone, loading, navigate }) {
  const { names, name, by, question } = funnels
  const pick = (event) => {
    const { 'funnel-by': _, ...tabs } = route.tabs
    navigate({ tabs: { ...tabs, funnel: event.target.value } })
  }
  const split = (event) => {
    const { 'funnel-by': _, ...tabs } = route.tabs
    navigate({ tabs: event.target.value ? { ...tabs, funnel: name, 'funnel-by': event.target.value } : tabs })
  }
  const dimensions = all?.data?.find((funnel) => funnel.name === name)?.by ?? []
  const data = answer?.data
  const csv = () => save(`${start.site}-${name}`, table([
    ['step', 'users', 'share', 'share of the step before', 'median', 'p90'],
    ...data.steps.map((step) => [step.condition, step.users, step.share, step.share_of_previous, step.median, step.p90]),
    ...(data.values ?? []).map((row) => [row.value, ...row.users])
  ]))
  return html`
    <${Panel} id="funnels" title="Funnels" csv=${data ? csv : null} wide>
      ${!question
        ? html`
          <div class="fill">
            <p>This site counts no funnel: how many of those who begin something go on to each step of it, and where they leave.</p>
            ${start.operator && html`<p><button class="button" onClick=${() => navigate({ view: 'settings' })}>Make one in the settings</button></p>`}
            <p class="quiet">From when it is set: <code>ANALYTICS.FUNNEL ${start.site} SET signup WITHIN 7d STEP event=pageview&page=/pricing STEP event=signup BY country</code></p>
          </div>`
        : html`
          <p class="choices">
            <label class="inline">Funnel <select data-control="funnel" value=${name} onChange=${pick}>${names.map((known) => html`<option key=${known} value=${known}>${known}</option>`)}</select></label>
            ${(dimensions.length > 0 || by) && html`
              <label class="inline">By <select data-control="funnel-by" value=${by} onChange=${split}>
                <option value="">all together</option>
                ${(by && !dimensions.includes(by) ? [...dimensions, by] : dimensions).map((known) => html`<option key=${known} value=${known}>${known}</option>`)}
              </select></label>`}
          </p>
          <${Answered} answer=${answer} loading=${loading} render=${() => html`<${Steps} data=${data} />${data.values && html`<${Values} data=${data} by=${by} />`}<${Notes} data=${data} zone=${zone} route=${route} />`} />`}
    <//>`
}

/** The step before which the largest part of those who were there leaves; null where nobody does. */
function weakest(steps) {
  const drops = steps.map((step) => (step.share_of_previous === null ? 0 : 1 - step.share_of_previous))
  const most = Math.max(...drops)
  return most > 0 ? drops.indexOf(most) : null
}

function Steps({ data }) {
  const { steps } = data
  if (!steps[0]?.users) return html`<p class="quiet fill">Nobody began in this period.</p>`
  const weak = weakest(steps)
  return html`
    ${weak !== null && html`<p><b>${percent(1 - steps[weak].share_of_previous)}</b> of those who reached <b>${conditionName(steps[weak - 1].condition)}</b> left before <b>${conditionName(steps[weak].condition)}</b>: the weakest step.</p>`}
    <${Scroll} name="Steps of the funnel">
      <table class="plain funnel">
        <thead><tr><th scope="col">Step</th><th scope="col" class="number">Reached it</th><th scope="col" class="number">Left before it</th><th scope="col" class="number">Of all who began</th><th scope="col" class="number" title="Half of them take at most so long from the step before">Median time to it</th></tr></thead>
        <tbody>${steps.map((step, at) => {
          const left = at ? steps[at - 1].users - step.users : null
          const drop = step.share_of_previous === null ? null : 1 - step.share_of_previous
          return html`
            <tr key=${at} data-step=${at + 1}>
              <th scope="row"><span class="fillbar" style=${`--part:${(step.share ?? 0).toFixed(4)}`}></span><span class="name" title=${step.condition}>${at + 1}. ${conditionName(step.condition)}</span></th>
              <td class="number" data-number=${step.users} title=${exact(step.users)}>${compact(step.users)}</td>
              <td class="number" data-left=${left}>${at === 0 ? html`${NONE}<span class="hidden"> the first step</span>` : html`<span class=${at === weak ? 'weak' : ''}>${compact(left)} (${percent(drop)})</span>`}${at === weak && html`<span class="hidden"> the most</span>`}</td>
              <td class="number" data-share=${step.share}>${percent(step.share)}</td>
              <td class="number" data-median=${step.median} title=${step.p90 === null ? '' : `90 % take at most ${seconds(step.p90)}`}>${step.median === null ? html`${NONE}<span class="hidden"> ${at ? 'nobody reached it' : 'the first step'}</span>` : seconds(step.median)}</td>
            </tr>`
        })}
        </tbody>
      </table>
    <//>`
}

function Values({ data, by }) {
  if (!data.values.length) return null
  return html`
    <${Scroll} name=${`The funnel by ${by}`}>
      <table class="plain">
        <thead><tr><th scope="col">${by}</th>${data.steps.map((step, at) => html`<th scope="col" class="number">${at + 1}. ${conditionName(step.condition)}</th>`)}<th scope="col" class="number">Reach the end</th></tr></thead>
        <tbody>${data.values.map((row) => html`
          <tr key=${row.value} data-value=${row.value}>
            <th scope="row">${label(by, row.value)}</th>
            ${row.users.map((count) => html`<td class="number" data-number=${count} title=${row.error_bound ? `${exact(count)}; up to ${exact(row.error_bound)} more may be in all others` : exact(count)}>${row.error_bound ? '≥ ' : ''}${compact(count)}</td>`)}
            <td class="number">${percent(row.share)}</td>
          </tr>`)}
        </tbody>
      </table>
    <//>`
}

function Notes({ data, zone, route }) {
  const day = (ms) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(new Date(ms))
  const notes = [`All steps within ${data.within} of the first. An attempt is counted at the time of its first step; somebody who begins again later is counted again.`]
  if (data.partial) notes.push(data.since_ms !== null && data.since_ms > data.counts.from_ms ? `Partial: the funnel counts since ${day(data.since_ms)}.` : 'Partial: the period begins before what the site keeps.')
  if (data.open) notes.push('Attempts that began in this period may still go on: the later steps can rise.')
  if (data.sampling < 1) notes.push(`Sampled: ${percent(data.sampling)} of the attempts were followed. The standard error of a step is up to ${percent(Math.max(...data.standard_errors))}.`)
  if (data.late) notes.push(`${exact(data.late)} events came too late to be a step.`)
  if (route.filters.length) notes.push('Funnels are those of all visitors: the filters do not apply.')
  return notes.map((text) => html`<p class="note" key=${text}>${text}</p>`)
}
