// What a form does: it sends, waits, and says what came of it.
import { html, useCallback, useState } from './html.js'

/** What a form does with its answer: says that it waits, what went wrong, or that it is done. */
export function useDoing(after) {
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

export function Said({ state }) {
  if (state.problem) return html`<p class="problem" role="alert">${state.problem}</p>`
  return state.done ? html`<p class="quiet" role="status">${state.done}</p>` : null
}
