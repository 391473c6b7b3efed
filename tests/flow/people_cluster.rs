//! People and funnels in a cluster: while slots move and a master changes, those of the raw events, in one place.

use std::collections::HashSet;

use crate::cluster_load::{
    assert_in_one_place, move_by_keys, move_by_server, owner, refused_without_partition,
    under_load, SITE,
};
use crate::{funnels_oracle, people_oracle};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{Cluster, Random};

/// New and returning users and cohorts; which redirections there were.
fn people_under_load(cluster: &Cluster, step: impl FnMut(usize)) -> HashSet<String> {
    let now = cluster.connection(0).now();
    let zone = "America/New_York";
    let from = floor(now - 200 * DAY, HOUR);
    let mut random = Random::new(19);
    let events = people_oracle::random_events(&mut random, from, now - MINUTE, 5_000);
    let mut oracle = people_oracle::Oracle::default();
    events.iter().for_each(|event| oracle.take(event, zone));
    let words: Vec<Vec<String>> = events.iter().map(|event| event.words()).collect();
    let options = people_oracle::OPTIONS;
    let create = format!("ANALYTICS.CREATE {SITE} TZ {zone} {options}");
    let seen = under_load(cluster, &[create], &words, step);
    let mut connection = owner(cluster);
    let end = floor(now, MINUTE) + HOUR;
    let range = (from - DAY, end);
    people_oracle::check_new(&mut connection, SITE, &oracle, range.0, range.1);
    // `late` is of a server, since it loaded the site.
    people_oracle::check_cells(&mut connection, SITE, &oracle, zone, now);
    for _ in 0..10 {
        let time = floor(from + random.below((now - from) as u64) as i64, MINUTE);
        people_oracle::check_new(&mut connection, SITE, &oracle, time, time + 9 * DAY);
        people_oracle::check_returning(&mut connection, SITE, &oracle, zone, time);
    }
    assert_in_one_place(cluster, "people");
    seen
}

fn funnels_under_load(cluster: &Cluster, step: impl FnMut(usize)) -> HashSet<String> {
    let now = cluster.connection(0).now();
    let from = floor(now - 20 * DAY, HOUR);
    let mut random = Random::new(20);
    let mut events = Vec::new();
    for day in [0, 1, 2, 7, 8, 15] {
        let from = from + day * DAY;
        let of_day = funnels_oracle::random_events(&mut random, from, from + 8 * HOUR, 1_500);
        events.extend(of_day);
    }
    let mut oracle = funnels_oracle::Oracle::default();
    oracle.take(&events);
    let words: Vec<Vec<String>> = events.iter().map(|event| event.words()).collect();
    let mut lines = vec![format!(
        "ANALYTICS.CREATE {SITE} RETURNING 90d RETENTION hour 400d"
    )];
    lines.extend(funnels_oracle::set_lines(SITE));
    let seen = under_load(cluster, &lines, &words, step);
    let mut connection = owner(cluster);
    let end = floor(now, MINUTE) + HOUR;
    funnels_oracle::check(&mut connection, SITE, &oracle, from - DAY, end);
    funnels_oracle::check_times(&mut connection, SITE, &oracle, from - DAY, end);
    for _ in 0..10 {
        let time = floor(from + random.below((now - from) as u64) as i64, MINUTE);
        funnels_oracle::check(&mut connection, SITE, &oracle, time, time + 3 * HOUR);
    }
    assert_in_one_place(cluster, "people");
    seen
}

fn assert_was_refused(seen: &HashSet<String>) {
    let both = seen.contains("TRYAGAIN") && seen.contains("ASK");
    assert!(both, "{seen:?}");
}

#[test]
fn people_go_on_while_their_keys_move_one_by_one_and_a_master_changes() {
    let cluster = Cluster::with_replicas(3);
    let seen = people_under_load(&cluster, |round| move_by_keys(&cluster, round));
    assert_was_refused(&seen);
}

#[test]
fn funnels_go_on_while_their_keys_move_one_by_one_and_a_master_changes() {
    let cluster = Cluster::with_replicas(3);
    let seen = funnels_under_load(&cluster, |round| move_by_keys(&cluster, round));
    assert_was_refused(&seen);
}

#[test]
fn people_and_funnels_go_on_while_the_server_moves_their_slot() {
    type Load = fn(&Cluster, &mut dyn FnMut(usize)) -> HashSet<String>;
    let loads: [Load; 2] = [
        |cluster, step| people_under_load(cluster, step),
        |cluster, step| funnels_under_load(cluster, step),
    ];
    for load in loads {
        let cluster = Cluster::with_replicas(2);
        if !cluster.moves_slots_by_itself() {
            return;
        }
        let seen = load(&cluster, &mut |_| move_by_server(&cluster));
        assert!(!seen.contains("TRYAGAIN"), "{seen:?}");
    }
}

/// A node that may lack a partition takes nobody for new.
#[test]
fn an_event_of_somebody_who_may_be_remembered_elsewhere_is_refused() {
    let setup = ["ANALYTICS.CREATE shop RETURNING 90d VISITORS 100"];
    let event = |time: i64| format!("ANALYTICS.TRACK shop view ann AT {time}");
    let (_cluster, mut target) = refused_without_partition("people", &setup, &event);
    let reply = target.run("ANALYTICS.GET shop 24h events users:new");
    assert_eq!(reply.ints(), [2, 1]);
}

/// Nor does it lose the steps that were reached.
#[test]
fn a_step_of_an_attempt_that_may_be_elsewhere_is_refused() {
    let setup = [
        "CONFIG SET analytics.visitor-capacity 100",
        "ANALYTICS.CREATE shop",
        "ANALYTICS.FUNNEL shop SET buy WITHIN 1h STEP event=view STEP page=/x",
    ];
    let event = |time: i64| format!("ANALYTICS.TRACK shop view ann AT {time} DIM page /x");
    let (_cluster, mut target) = refused_without_partition("people", &setup, &event);
    let reply = target.run("ANALYTICS.GET shop 24h funnel:buy:users funnel:buy:converted");
    assert_eq!(reply.ints(), [1, 1]);
}
