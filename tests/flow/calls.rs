//! The events of an oracle, sent one by one and in calls of several.

use testkit::{encode, Arg, Connection, Random};

/// Each event is its words.
pub fn send_in_calls(
    connection: &mut Connection,
    site: &str,
    events: impl Iterator<Item = Vec<String>>,
    random: &mut Random,
) {
    let events: Vec<Vec<String>> = events.collect();
    let mut rest = &events[..];
    while !rest.is_empty() {
        let count = match random.below(3) {
            0 => 1,
            1 => 1 + random.below(5) as usize,
            _ => 1 + random.below(200) as usize,
        };
        let (call, later) = rest.split_at(count.min(rest.len()));
        rest = later;
        let mut words = vec!["ANALYTICS.MTRACK", site];
        for event in call {
            words.push("EVENT");
            words.extend(event.iter().map(String::as_str));
        }
        if let ([event], true) = (call, random.one_in(2)) {
            words = vec!["ANALYTICS.TRACK", site];
            words.extend(event.iter().map(String::as_str));
        }
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        let reply = &connection.exchange(&request, 1)[0];
        assert!(!reply.is_error(), "{reply:?}");
    }
}
