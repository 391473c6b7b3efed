//! Visits in a cluster: while slots move and a master changes, those of the raw events, in one place.

use std::collections::HashSet;

use crate::cluster_load::{
    assert_in_one_place, move_by_keys, move_by_server, owner, refused_without_partition,
    under_load, SITE,
};
use crate::visits_oracle::{check, random_events, Oracle, OPTIONS};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{Cluster, Random};

/// Which redirections there were.
fn visits_under_load(cluster: &Cluster, step: impl FnMut(usize)) -> HashSet<String> {
    let now = cluster.connection(0).now();
    let from = floor(now - 20 * DAY, HOUR);
    let mut random = Random::new(18);
    let mut events = random_events(&mut random, from, now - MINUTE, 6_000);
    // A call that is sent again after a redirection counts once, as it would without an id.
    events.iter_mut().for_each(|event| event.id = None);
    let mut oracle = Oracle::default();
    events.iter().for_each(|event| oracle.take(event));
    let words: Vec<Vec<String>> = events.iter().map(|event| event.words()).collect();
    let create = format!("ANALYTICS.CREATE {SITE} {OPTIONS}");
    let seen = under_load(cluster, &[create], &words, step);
    let mut connection = owner(cluster);
    let end = floor(now, MINUTE) + HOUR;
    check(&mut connection, SITE, &oracle, from - DAY, end);
    for _ in 0..10 {
        let begin = from + random.below((now - from) as u64) as i64;
        let begin = floor(begin, MINUTE);
        check(&mut connection, SITE, &oracle, begin, begin + 3 * HOUR);
    }
    assert_in_one_place(cluster, "visitors");
    seen
}

#[test]
fn visits_go_on_while_their_keys_move_one_by_one_and_a_master_changes() {
    let cluster = Cluster::with_replicas(3);
    let seen = visits_under_load(&cluster, |round| move_by_keys(&cluster, round));
    assert!(
        seen.contains("TRYAGAIN") && seen.contains("ASK"),
        "{seen:?}"
    );
}

#[test]
fn visits_go_on_while_the_server_moves_their_slot() {
    let cluster = Cluster::with_replicas(2);
    if !cluster.moves_slots_by_itself() {
        return;
    }
    let seen = visits_under_load(&cluster, |_| move_by_server(&cluster));
    assert!(!seen.contains("TRYAGAIN"), "{seen:?}");
}

/// A node that may lack a partition does not begin a visit anew.
#[test]
fn an_event_whose_partition_may_be_elsewhere_is_refused() {
    let setup = ["ANALYTICS.CREATE shop VISITS 30m VISITORS 100"];
    let event = |time: i64| format!("ANALYTICS.TRACK shop view ann AT {time}");
    let (_cluster, mut target) = refused_without_partition("visitors", &setup, &event);
    let reply = target.run("ANALYTICS.GET shop 24h visits bounces visit-events:sum");
    assert_eq!(reply.ints(), [1, 0, 2]);
}
