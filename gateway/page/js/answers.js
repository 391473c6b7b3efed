// Answers of a view: asked again when its questions change, kept while the next ones come, and marked
// as stale when they do not come.
import { html, useCallback, useEffect, useRef, useState } from './html.js'
import { ask } from './api.js'
import { clock } from './format.js'

const PAUSES = [2_000, 5_000, 10_000, 30_000]

/**
 * `{answers, key, loading, failure, at, again}`: `key` is that of the questions that the answers are
 * for, so that a view does not show numbers of another period as those of this one. `moving` is a window
 * that goes on with the clock: it is taken as it is whenever they are asked.
 */
export function useAnswers(site, questions, moving) {
  const text = JSON.stringify([site, questions])
  const key = moving ? text.replaceAll(moving, '') : text
  const [state, setState] = useState({ answers: {}, key: '', loading: true, failure: null, at: 0 })
  const [turn, setTurn] = useState(0)
  const failures = useRef(0)
  const again = useCallback(() => setTurn((turn) => turn + 1), [])
  useEffect(() => {
    const control = new AbortController()
    let timer
    setState((state) => ({ ...state, loading: true }))
    ask(site, questions, control.signal).then(
      (answers) => {
        failures.current = 0
        setState({ answers, key, loading: false, failure: null, at: Date.now() })
      },
      (failure) => {
        if (control.signal.aborted) return
        setState((state) => ({ ...state, loading: false, failure }))
        const passes = failure.code === 'network' || failure.status === 503 || failure.status === 429
        if (!passes) return
        const pause = PAUSES[Math.min(failures.current, PAUSES.length - 1)]
        failures.current += 1
        timer = setTimeout(again, pause)
      }
    )
    return () => {
      control.abort()
      clearTimeout(timer)
    }
  }, [key, turn])
  return { ...state, current: state.key === key, again }
}

/** Calls back at most every so many milliseconds, however often it is asked to; not while hidden. */
export function usePaced(callback, pause) {
  const last = useRef(0)
  const timer = useRef(0)
  const latest = useRef(callback)
  latest.current = callback
  useEffect(() => () => clearTimeout(timer.current), [])
  return useCallback(() => {
    if (timer.current || document.hidden) return
    const wait = Math.max(0, last.current + pause - Date.now())
    timer.current = setTimeout(() => {
      timer.current = 0
      last.current = Date.now()
      latest.current()
    }, wait)
  }, [pause])
}

/** A line above the answers when something is wrong with them: stale, refused or not reached. */
export function Status({ failure, at, again, zone, loading }) {
  // A quick answer is not announced.
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    if (!loading || failure) return setSlow(false)
    const timer = setTimeout(() => setSlow(true), 800)
    return () => clearTimeout(timer)
  }, [loading, failure])
  if (failure) {
    const time = at ? clock(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' })(at) : ''
    const passes = failure.code === 'network' || failure.status === 503 || failure.status === 429
    return html`
      <div class="status" role="alert" data-status=${at ? 'stale' : 'failed'}>
        <span>${failure.message} ${at ? `The figures below are those of ${time}.` : ''} ${passes ? 'It is tried again by itself.' : ''}</span>
        <button class="link" onClick=${again}>Try now</button>
      </div>`
  }
  return slow ? html`<div class="status quiet" role="status">Still loading…</div>` : null
}
