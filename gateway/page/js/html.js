// Preact with htm: templates that a browser runs as they are.
import { h } from 'preact'
import htm from 'htm'

export { render } from 'preact'
export { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
export const html = htm.bind(h)
