// The live view: who is there now, the last half hour by second, and events as they come.
import { html, useEffect, useMemo, useRef, useState } from './html.js'
import { Status, useAnswers, usePaced } from './answers.js'
import { has } from './ask.js'
import { Chart } from './chart.js'
import { clock, exact, label, pointName } from './format.js'
import { Panel, save, table } from './panel.js'
import { Ranking } from './ranking.js'

const WINDOW = '30m'
const SECONDS = 1_800
/** Events that are kept, and shown. */
const MOST = 60
const SHOWN = 36
const PANELS = [['page', 'Pages'], ['source', 'Sources'], ['country', 'Countries'], ['endpoint', 'Endpoints'], ['event', 'Events']]

function plan(start) {
  const panels = PANELS.filter(([name]) => has(start.info, name)).slice(0, 4)
  const questions = {
    figures: { query: 'get', window: WINDOW, metric: ['events', 'users', 'events:rate'] },
    seconds: { query: 'range', window: WINDOW, step: '1s', metric: ['events'], format: 'columns' }
  }
  if (start.info.log > 0) questions.events = { query: 'events', limit: MOST }
  for (const [name] of panels) questions[name] = { query: 'top', window: WINDOW, dimension: name, by: 'events', limit: 8 }
  return { questions, panels }
}

export function Live(props) {
  if (props.start.info) return html`<${Running} ...${props} />`
  return html`<section class="panel wide welcome"><h2>No events yet</h2><p>Events of ${props.start.site} are shown here as they come.</p></section>`
}

function Running({ start, route, live, theme }) {
  const zone = start.info.timezone
  const { questions, panels } = useMemo(() => plan(start), [start])
  const { answers, loading, failure, at, again } = useAnswers(start.site, questions)
  const refresh = usePaced(again, 10_000)
  useEffect(() => {
    if (live.events !== null) refresh()
  }, [live.events])
  const [events, setEvents] = useState([])
  const counts = useRef(new Map())
  const [second, setSecond] = useState(0)

  useEffect(() => live.subscribe((message) => {
    const at = Math.floor(message.timestamp / 1000)
    counts.current.set(at, (counts.current.get(at) ?? 0) + (message.sampled ?? 1))
    setEvents((events) => [message, ...events].slice(0, MOST))
  }), [live.subscribe])
  useEffect(() => {
    const timer = setInterval(() => setSecond((second) => second + 1), 1_000)
    return () => clearInterval(timer)
  }, [])

  // What the answer says, and after it what has come since.
  const series = useMemo(() => {
    const data = answers.seconds?.data
    if (!data?.time_ms.length) return null
    const known = new Map(data.time_ms.map((ms, place) => [ms / 1000, data.metrics.events[place]]))
    const asked = Math.floor(at / 1000)
    const end = Math.floor(Date.now() / 1000)
    for (const key of counts.current.keys()) if (key < end - SECONDS) counts.current.delete(key)
    const times = []
    const points = []
    for (let time = end - SECONDS + 1; time <= end; time += 1) {
      times.push(time * 1000)
      points.push(Math.max(time < asked ? known.get(time) ?? 0 : 0, time >= asked - 1 ? counts.current.get(time) ?? known.get(time) ?? 0 : 0))
    }
    return { times, lines: [{ name: 'Events a second', kind: 'main', points }] }
  }, [answers.seconds, second])

  const numbers = answers.figures?.data?.metrics
  // Below those that came, the earlier ones of the log.
  const oldest = events.at(-1)?.timestamp ?? Infinity
  const logged = (answers.events?.data ?? []).filter((event) => event.time_ms < oldest).map((event) => ({
    type: event.event, visitor_id: event.user, timestamp: event.time_ms, page_url: event.dimensions.page, data: { ...event.dimensions, ...event.values }
  }))
  const shown = [...events, ...logged]
  const csv = () => save(`${start.site}-live`, table([
    ['time', 'event', 'visitor', 'page', 'more'],
    ...shown.map(({ timestamp, type, visitor_id, page_url, data }) => [new Date(timestamp).toISOString(), type, visitor_id, page_url, JSON.stringify(data ?? {})])
  ]))
  return html`
    <${Status} failure=${failure} at=${at} loading=${loading} again=${again} zone=${zone} />
    ${live.connected === false && html`<div class="status" role="status" data-status="lost">The live stream is not connected; it is tried again by itself.</div>`}
    <ul class="figures" aria-label="Now">
      <li><div class="figure big" data-figure="now" data-number=${live.figures?.current_visitors}><span class="figure-name">Visitors now</span><span class="figure-number">${exact(live.figures?.current_visitors)}</span><span class="change quiet">in the last 5 minutes</span></div></li>
      <li><div class="figure"><span class="figure-name">Visitors, half an hour</span><span class="figure-number">${exact(numbers?.users)}</span></div></li>
      <li><div class="figure"><span class="figure-name">Events, half an hour</span><span class="figure-number">${exact(numbers?.events)}</span></div></li>
      <li><div class="figure" data-figure="today" data-number=${live.figures?.total_events}><span class="figure-name">Events today</span><span class="figure-number">${exact(live.figures?.total_events)}</span></div></li>
      <li><div class="figure"><span class="figure-name">Visitors today</span><span class="figure-number">${exact(live.figures?.unique_today)}</span></div></li>
    </ul>
    ${series
      ? html`<${Chart} times=${series.times} lines=${series.lines} zone=${zone} step="1s" bars="thin" theme=${theme} site=${start.site} name="Events of the last half hour, by second" write=${exact} when=${pointName(zone, '1s')} />`
      : html`<div class="chart tall quiet" aria-busy=${loading}>${answers.seconds?.error?.message ?? 'Loading…'}</div>`}
    <div class="grid">
      <${Panel} id="stream" title="Latest events" csv=${shown.length ? csv : null}>
        ${shown.length === 0
          ? html`<p class="quiet fill">Waiting for the first event.</p>`
          : html`<ol class="stream">${shown.slice(0, SHOWN).map((event, place) => html`<${Line} key=${`${event.timestamp}-${event.visitor_id}-${place}`} event=${event} zone=${zone} />`)}</ol>`}
      <//>
      <div class="stack">
      ${panels.map(([name, title]) => html`
        <${Ranking} key=${name} id=${`live-${name}`} title=${title} tabs=${[[name, title]]} tab=${name} route=${route} start=${start} answer=${answers[name]} loading=${loading}
          ranked=${{}} by="events" />`)}
      </div>
    </div>`
}

function Line({ event, zone }) {
  const time = clock(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' })(event.timestamp)
  const data = event.data ?? {}
  const place = event.page_url ?? data.endpoint ?? ''
  const rest = [data.country && label('country', data.country), data.source, data.status, data.device].filter(Boolean)
  return html`
    <li><time>${time}</time><b>${event.type}</b><span class="where">${place}</span><span class="quiet">${rest.join(' · ')}</span>${event.sampled > 1 ? html`<span class="quiet">×${event.sampled}</span>` : null}</li>`
}
