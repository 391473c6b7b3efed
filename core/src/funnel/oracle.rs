//! Funnels over whole lists of events: a plain `windowFunnel`, and the attempts that a list has.

/// An event: its time, the steps that it is, and whether it ends chains.
pub type Event = (i64, u8, bool);

/// What ClickHouse's `windowFunnel` says of events in order, and when each step was reached first, with the
/// time of the step before: `(time, before)` for each level.
pub fn window_funnel(events: &[Event], within: i64, steps: usize) -> Vec<(i64, i64)> {
    // Of every step, when the chain up to it began and when the step came, or none.
    let mut chains: Vec<Option<(i64, i64)>> = vec![None; steps];
    let mut reached = Vec::new();
    for (time, mask, ends) in events {
        if *ends {
            chains.fill(None);
        }
        for step in (0..steps).filter(|step| mask >> step & 1 == 1) {
            let (first, before) = match step {
                0 => (*time, *time),
                _ => match chains[step - 1] {
                    Some((first, last)) if *time <= first + within => (first, last),
                    _ => continue,
                },
            };
            chains[step] = Some((first, *time));
            if reached.len() == step {
                reached.push((*time, before));
            }
            if step + 1 == steps {
                return reached;
            }
        }
    }
    reached
}

/// The attempts of a user: when each began, and what it reached.
pub fn attempts(events: &[Event], within: i64, steps: usize) -> Vec<(i64, Vec<(i64, i64)>)> {
    let mut anchors: Vec<i64> = Vec::new();
    for (time, mask, _) in events {
        let is_open = anchors
            .last()
            .is_some_and(|anchor| *time <= anchor + within);
        if mask & 1 == 1 && !is_open {
            anchors.push(*time);
        }
    }
    let of = |anchor: &i64| {
        let own = |time: i64| (*anchor..=anchor + within).contains(&time);
        let events: Vec<Event> = events
            .iter()
            .map(|(time, mask, ends)| (*time, if own(*time) { *mask } else { mask & !1 }, *ends))
            .collect();
        (*anchor, window_funnel(&events, within, steps))
    };
    anchors.iter().map(of).collect()
}
