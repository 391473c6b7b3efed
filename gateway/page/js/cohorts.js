// Cohorts: how many of those who came for the first time in a week or a month were seen in the ones after.
import { html } from './html.js'
import { clock, exact, percent, NONE } from './format.js'
import { Answered, Panel, Scroll, save, table } from './panel.js'
import { addDays, dateIn } from './period.js'

const TABS = [['week', 'Weeks'], ['month', 'Months']]
const PERIODS = 12

/** So many weeks or months up to the present one, whatever the period of the view is. */
export function cohortsOf(info, route, zone, now) {
  const period = route.tabs.cohorts === 'month' ? 'month' : 'week'
  if (!info.returning) return { period }
  const today = dateIn(zone, now)
  const first = new Date(`${today.slice(0, 7)}-01T00:00:00Z`)
  first.setUTCMonth(first.getUTCMonth() - PERIODS + 1)
  const from = period === 'month' ? first.toISOString().slice(0, 10) : addDays(today, 1 - 7 * PERIODS)
  return { period, question: { query: 'retention', window: `${from}..${addDays(today, 1)}`, period } }
}

const share = (users, all) => (users === null || users === undefined || !all ? null : users / all)

/** Why a number is not there. */
function why(count, users) {
  if (users === 0) return 'Nobody was new'
  return users === null || count === null ? 'Not known: not counted then, or not kept any more' : ''
}

export function Cohorts({ cohorts, answer, route, start, zone, loading, onTab, navigate }) {
  const { period, question } = cohorts
  // The first cohorts may be older than the site.
  const all = answer?.data?.rows ?? []
  const begins = all.findIndex((row) => row.users !== 0)
  const rows = begins < 0 ? [] : all.slice(begins)
  const later = Array.from({ length: Math.max(0, ...rows.map((row) => row.returned.length)) }, (_, at) => at + 1)
  const day = clock(zone, { day: 'numeric', month: 'short', year: 'numeric' })
  const name = period === 'month' ? clock(zone, { month: 'short', year: 'numeric' }) : (ms) => day(ms)
  const csv = () => save(`${start.site}-cohorts`, table([[period, 'new', ...later.map((at) => `${period} ${at}`)], ...rows.map((row) => [row.time.slice(0, 10), row.users, ...row.returned])]))
  const notes = answer?.data ? notesOf(answer.data, rows, period, day, route) : []
  return html`
    <${Panel} id="cohorts" title="Who comes back" tabs=${question && TABS} tab=${period} onTab=${onTab} csv=${rows.length ? csv : null} wide>
      ${!question
        ? html`
          <div class="fill">
            <p>This site does not remember who was there before, so it has no new and returning visitors, and no cohorts.</p>
            ${start.operator && html`<p><button class="button" onClick=${() => navigate({ view: 'settings' })}>Switch it on in the settings</button></p>`}
            <p class="quiet">From when it is switched on: <code>ANALYTICS.ALTER ${start.site} RETURNING 365d</code></p>
          </div>`
        : html`<${Answered} answer=${answer} loading=${loading} render=${() => (rows.length
          ? html`
            <p class="note">Of the visitors who were new in a ${period}, the share that was seen ${period === 'week' ? '1, 2, 3 weeks' : '1, 2, 3 months'} later and so on. <span class="so-far">Outlined</span> is the present ${period}, so far: it goes on.</p>
            <${Scroll} name="Who comes back">
              <table class="cohorts">
                <thead><tr><th scope="col">New in the ${period} of</th><th scope="col" class="number">Visitors</th>${later.map((at) => html`<th scope="col" class="number"><span class="hidden">${period} </span>+${at}</th>`)}</tr></thead>
                <tbody>${rows.map((row, place) => html`
                  <tr key=${row.time_ms} data-time=${row.time_ms}>
                    <th scope="row">${name(row.time_ms)}</th>
                    <td class=${`number${place === rows.length - 1 ? ' so-far' : ''}`} data-users=${row.users} title=${why(0, row.users)}>${exact(row.users)}${place === rows.length - 1 && html`<span class="hidden"> so far</span>`}</td>
                    ${row.returned.map((count, at) => html`<${Cell} count=${count} users=${row.users} isLast=${at === row.returned.length - 1} />`)}
                  </tr>`)}
                </tbody>
              </table>
            <//>`
          : html`<p class="quiet fill">No new visitors in the last ${PERIODS} ${period}s.</p>`)} />`}
      ${notes.map((text) => html`<p class="note" key=${text}>${text}</p>`)}
    <//>`
}

function Cell({ count, users, isLast }) {
  const part = share(count, users)
  const said = why(count, users)
  // A share of a half has the full shade: more are rare, and the text stays legible.
  const shade = part === null ? 0 : Math.min(1, part * 2)
  return html`
    <td class=${`number${isLast ? ' so-far' : ''}`} style=${`--part:${shade.toFixed(3)}`} data-number=${count} title=${said || `${exact(count)} of ${exact(users)}${isLast ? ', so far' : ''}`}>
      ${part === null ? NONE : percent(part)}${said ? html`<span class="hidden"> ${said}</span>` : isLast && html`<span class="hidden"> so far</span>`}</td>`
}

function notesOf(data, rows, period, day, route) {
  const notes = []
  const isUnknown = rows.some((row) => row.users === null || row.returned.includes(null))
  if (isUnknown) notes.push(`${NONE} is not known: the ${period} was not counted, or is not kept any more.`)
  if (data.since_ms !== null && data.since_ms > (rows[0]?.time_ms ?? Infinity)) notes.push(`All visitors were taken note of since ${day(data.since_ms)}. Who was there before then seems new.`)
  if (data.sampling < 1) notes.push(`There are more visitors than the site remembers: ${percent(data.sampling)} of them are followed, and each counts for several. The numbers are right on average.`)
  if (data.late) notes.push(`${exact(data.late)} events came too late to be in a cohort.`)
  if (route.filters.length) notes.push('Cohorts are those of all visitors: the filters do not apply.')
  return notes
}
