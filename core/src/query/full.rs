//! Which dimensions, cubes and tables of visits and funnels of a bucket are full, and how much of each is in
//! `~other`.

use crate::bucket::visits::Axis;
use crate::bucket::Bucket;
use crate::schema::{RowKind, Settings};

/// The names of those that have anything in `~other`, as metrics have them (`page`, `page,country`,
/// `visits@entry`, `funnel:signup@source`), and how many events, visits or attempts that is.
pub fn full(bucket: &Bucket, settings: &Settings) -> Vec<(Vec<u8>, u64)> {
    let events = bucket.breakdowns().iter().filter_map(|breakdown| {
        let name = match breakdown.order() {
            (RowKind::Event, _) => &b"event"[..],
            (_, name) => name,
        };
        Some((name.to_vec(), breakdown.other()?.events()))
    });
    let visits = bucket.visits().into_iter().flat_map(|it| it.tables());
    let visits = visits.filter_map(|table| {
        let visits = table.other()?.total().visits;
        Some((
            of_table(b"visits", table.axis()),
            u64::try_from(visits).ok()?,
        ))
    });
    let funnels = settings.funnels().into_iter();
    let funnels = funnels.flat_map(|(funnels, _)| funnels.list());
    let funnels = funnels.flat_map(|funnel| {
        let counted = bucket.funnels().and_then(|it| it.get(funnel.tag()));
        let tables = counted.into_iter().flat_map(|it| it.tables());
        let subject = [b"funnel:", funnel.name()].concat();
        tables.filter_map(move |table| {
            let attempts = table.other()?.total().at(0);
            Some((of_table(&subject, table.axis()), attempts))
        })
    });
    let all = events.chain(visits).chain(funnels);
    all.filter(|(_, number)| *number > 0).collect()
}

fn of_table(subject: &[u8], axis: &Axis) -> Vec<u8> {
    let dimension = match axis {
        Axis::Entry => &b"entry"[..],
        Axis::Exit => b"exit",
        Axis::By(name) => name.bytes(),
    };
    [subject, b"@", dimension].concat()
}
