//! The payloads of the corpus, mutated.

use super::memory::peak_of;
use super::mutation::Mutations;
use super::{corpus, funnels, people, use_of_bucket, use_of_ids, use_of_site, visits};
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::ids::RecentIds;
use crate::people::People;
use crate::site::Site;
use crate::sketch::hll::Sketch;
use crate::visitors::Partition;

/// The memory that reading may take: so many times the payload, and `ANYWAY` more. The factor is that of
/// an hour's slots of eight bytes each, 512 bytes in all, which ten bytes can hold.
const TIMES: usize = 64;
const ANYWAY: usize = 4 << 10;
/// Time zones are read once and kept.
const ANYWAY_WITH_ZONE: usize = 1 << 20;

fn len(pages: &[Page]) -> usize {
    pages.iter().map(Vec::len).sum()
}

#[track_caller]
fn assert_modest(peak: usize, anyway: usize, pages: &[Page]) {
    assert!(
        peak <= TIMES * len(pages) + anyway,
        "{peak} bytes for {}: {pages:02x?}",
        len(pages)
    );
}

/// Whether it was accepted.
fn try_bucket(pages: &[Page], kind: &corpus::Kind) -> bool {
    let (read, peak) = peak_of(|| Bucket::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(bucket) = read else { return false };
    assert!(bucket.encode() == pages, "stored otherwise: {pages:02x?}");
    // One in eight is used: that takes ten times as long as reading.
    let sum = pages.iter().flatten().fold(0u8, |sum, byte| sum ^ byte);
    if sum.is_multiple_of(8) {
        use_of_bucket::check(bucket, kind);
    }
    true
}

fn try_site(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| Site::decode(pages));
    assert_modest(peak, ANYWAY_WITH_ZONE, pages);
    let Ok(site) = read else { return false };
    assert!(site.encode() == pages, "stored otherwise: {pages:02x?}");
    use_of_site::check(&site);
    true
}

fn try_ids(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| RecentIds::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(ids) = read else { return false };
    assert!(ids.encode() == pages, "stored otherwise: {pages:02x?}");
    use_of_ids::check(&ids);
    true
}

fn try_visits(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| Bucket::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(bucket) = read else { return false };
    assert!(bucket.encode() == pages, "stored otherwise: {pages:02x?}");
    let sum = pages.iter().flatten().fold(0u8, |sum, byte| sum ^ byte);
    if sum.is_multiple_of(8) {
        visits::check_bucket(bucket);
    }
    true
}

fn try_partition(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| Partition::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(partition) = read else { return false };
    assert!(
        partition.encode() == pages,
        "stored otherwise: {pages:02x?}"
    );
    visits::check_partition(&partition);
    true
}

fn try_people(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| Bucket::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(bucket) = read else { return false };
    assert!(bucket.encode() == pages, "stored otherwise: {pages:02x?}");
    let sum = pages.iter().flatten().fold(0u8, |sum, byte| sum ^ byte);
    if sum.is_multiple_of(8) {
        people::check_bucket(bucket);
    }
    true
}

fn try_funnels(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| Bucket::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(bucket) = read else { return false };
    assert!(bucket.encode() == pages, "stored otherwise: {pages:02x?}");
    let sum = pages.iter().flatten().fold(0u8, |sum, byte| sum ^ byte);
    if sum.is_multiple_of(8) {
        funnels::check_bucket(bucket);
    }
    true
}

fn try_attempts(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| People::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(people) = read else { return false };
    assert!(people.encode() == pages, "stored otherwise: {pages:02x?}");
    let sum = pages.iter().flatten().fold(0u8, |sum, byte| sum ^ byte);
    if sum.is_multiple_of(8) {
        funnels::check_partition(&people);
    }
    true
}

fn try_users(pages: &[Page]) -> bool {
    let (read, peak) = peak_of(|| People::decode(pages));
    assert_modest(peak, ANYWAY, pages);
    let Ok(users) = read else { return false };
    assert!(users.encode() == pages, "stored otherwise: {pages:02x?}");
    people::check_partition(&users);
    true
}

/// Tries the mutations of a payload at all positions, or at so many of them; the test means nothing if
/// none or all are accepted.
fn try_all(page: &Page, most: usize, mut accepts: impl FnMut(&[Page]) -> bool) {
    assert!(accepts(std::slice::from_ref(page)), "the payload itself");
    let (mut accepted, mut refused) = (0, 0);
    let random = most.min(100);
    let mutations = Mutations::of(page);
    for mutant in mutations.structural(most).chain(mutations.random(random)) {
        match accepts(&[mutant]) {
            true => accepted += 1,
            false => refused += 1,
        }
    }
    assert!(
        accepted > 0 && refused > 0,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn every_field_of_a_bucket_is_refused_or_as_good_as_one_of_ours() {
    // At once, because this takes longer than all other tests.
    std::thread::scope(|threads| {
        for (kind, page) in corpus::small_buckets() {
            assert!(page.len() < 700, "{}", page.len());
            threads.spawn(move || try_all(&page, page.len(), |pages| try_bucket(pages, &kind)));
        }
    });
}

#[test]
fn a_large_bucket_is_refused_or_as_good_as_one_of_ours() {
    for (_, kind, page) in corpus::buckets() {
        // `make fuzz` has the time for all of it.
        let most = match page.len() {
            0..1_000 => 15,
            1_000..10_000 => 9,
            _ => 3,
        };
        try_all(&page, most, |pages| try_bucket(pages, &kind));
    }
}

#[test]
fn every_field_of_a_site_is_refused_or_as_good_as_one_of_ours() {
    for (_, page) in corpus::all_sites() {
        try_all(&page, page.len(), try_site);
        let words = Mutations::of(&page).words(page.len());
        assert!(
            words
                .filter(|mutant| !try_site(std::slice::from_ref(mutant)))
                .count()
                > 0
        );
    }
}

#[test]
fn every_field_of_visits_is_refused_or_as_good_as_one_of_ours() {
    for (_, page) in visits::buckets() {
        try_all(&page, 30, try_visits);
    }
    for (_, page) in visits::partitions() {
        try_all(&page, 40, try_partition);
    }
}

#[test]
fn every_field_of_funnels_is_refused_or_as_good_as_one_of_ours() {
    for (_, page) in funnels::buckets() {
        try_all(&page, 30, try_funnels);
    }
    for (_, page) in funnels::partitions() {
        try_all(&page, 40, try_attempts);
    }
}

#[test]
fn every_field_of_people_is_refused_or_as_good_as_one_of_ours() {
    for (_, page) in people::buckets() {
        try_all(&page, 30, try_people);
    }
    for (_, page) in people::partitions() {
        try_all(&page, 40, try_users);
    }
}

#[test]
fn every_field_of_ids_is_refused_or_as_good_as_one_of_ours() {
    for (_, page) in corpus::ids() {
        try_all(&page, page.len(), try_ids);
    }
}

#[test]
fn a_payload_cut_short_is_refused() {
    for (_, _, page) in corpus::buckets() {
        for end in super::mutation::positions(page.len(), 30) {
            assert!(Bucket::decode(&[page[..end].to_vec()]).is_err(), "{end}");
        }
    }
    for (_, page) in corpus::all_sites() {
        for end in 0..page.len() {
            assert!(Site::decode(&[page[..end].to_vec()]).is_err(), "{end}");
        }
    }
    for (_, page) in visits::partitions() {
        for end in 0..page.len() {
            assert!(Partition::decode(&[page[..end].to_vec()]).is_err(), "{end}");
        }
    }
    for (_, page) in people::partitions()
        .into_iter()
        .chain(funnels::partitions())
    {
        for end in 0..page.len() {
            assert!(People::decode(&[page[..end].to_vec()]).is_err(), "{end}");
        }
    }
    for (_, page) in corpus::ids() {
        for end in 0..page.len() {
            assert!(RecentIds::decode(&[page[..end].to_vec()]).is_err(), "{end}");
        }
    }
}

#[test]
fn pages_are_taken_in_their_one_form() {
    let pages = corpus::bucket_of_many_pages();
    assert!(pages.len() > 2 && Bucket::decode(&pages).is_ok());
    let other_forms = [
        vec![pages.concat()],
        pages[1..].to_vec(),
        pages[..pages.len() - 1].to_vec(),
        [&pages[..], &[vec![]]].concat(),
        [&[vec![]], &pages[..]].concat(),
        [&pages[..1], &[vec![]], &pages[1..]].concat(),
        [&pages[..1], &pages[..]].concat(),
        [&pages[1..2], &pages[..1], &pages[2..]].concat(),
        [
            &[pages[0][..9].to_vec(), pages[0][9..].to_vec()],
            &pages[1..],
        ]
        .concat(),
        [&[pages[..2].concat()], &pages[2..]].concat(),
    ];
    for form in other_forms {
        assert!(Bucket::decode(&form).is_err());
    }
    assert!(Bucket::decode::<Page>(&[]).is_err() && Site::decode::<Page>(&[]).is_err());
}

#[test]
fn a_hyperloglog_of_redis_is_refused_or_becomes_a_sketch() {
    for string in corpus::hyperloglogs() {
        let mutants = Mutations::of(&string);
        for mutant in mutants.structural(20).chain(mutants.random(100)) {
            let (read, peak) = peak_of(|| Sketch::from_redis(&mutant));
            // Three bytes may be 16,384 registers that are zero: the size of the sketch is bounded.
            assert!(peak <= TIMES * mutant.len() + (64 << 10), "{peak}");
            if let Ok(mut sketch) = read {
                assert!(sketch.estimate().is_finite());
                sketch.insert(0x1234_5678_9abc_def0);
                sketch.merge(&sketch.clone());
                let again = Sketch::from_redis(&sketch.to_redis()).map(|it| it.to_redis());
                assert!(again == Ok(sketch.to_redis()));
            }
        }
    }
}
