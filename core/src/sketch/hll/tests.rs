//! What must hold of sketches as a whole: merging, forms, stored bytes, Redis's strings.

use super::entry::{entry_of_hash, rank_of_hash, register_of_hash};
use super::layout::REGISTERS;
use super::{Sketch, Union};
use crate::codec::{Reader, Writer};
use crate::hash::hash;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A stream of users. Clearing bits above the register makes high ranks as frequent as only
/// billions of users would.
#[derive(Debug, Clone)]
struct Users {
    first: u64,
    count: u64,
    zeros: u32,
}

impl Users {
    fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        let cleared = ((1u64 << self.zeros) - 1) << 14;
        (self.first..self.first + self.count).map(move |i| super::accuracy::mixed(i) & !cleared)
    }

    fn sketch(&self) -> Sketch {
        let mut sketch = Sketch::new();
        self.hashes().for_each(|hash| {
            sketch.insert(hash);
        });
        sketch
    }
}

/// Sizes on both sides of every boundary, from overlapping ranges.
fn users() -> impl Strategy<Value = Users> {
    let count = prop_oneof![
        3 => 0u64..20,
        3 => 0u64..1500,
        2 => 2500u64..2620,
        1 => 2620u64..9000,
    ];
    let zeros = prop_oneof![4 => Just(0), 1 => 1u32..11, 2 => 11u32..50];
    (0u64..2000, count, zeros).prop_map(|(first, count, zeros)| Users {
        first,
        count,
        zeros,
    })
}

fn encoded(sketch: &Sketch) -> Vec<u8> {
    let mut writer = Writer::new();
    sketch.encode(&mut writer);
    writer.into_bytes()
}

fn decoded(bytes: &[u8]) -> Result<Sketch, &'static str> {
    let mut reader = Reader::new(bytes);
    let sketch = Sketch::decode(&mut reader).map_err(|corrupt| corrupt.problem)?;
    reader.finish().map_err(|corrupt| corrupt.problem)?;
    Ok(sketch)
}

fn merged<'a>(sketches: impl IntoIterator<Item = &'a Sketch>) -> Sketch {
    let mut all = Sketch::new();
    sketches.into_iter().for_each(|sketch| all.merge(sketch));
    all
}

fn form(sketch: &Sketch) -> u8 {
    encoded(sketch)[0]
}

fn registers_of(sketch: &Sketch) -> Vec<u8> {
    let bits = &sketch.to_redis_dense()[16..];
    let bit = |n: usize| bits[n / 8] >> (n % 8) & 1;
    let register = |i| (0..6).map(|n| bit(i * 6 + n) << n).sum();
    (0..REGISTERS).map(register).collect()
}

fn packed_sketch() -> Sketch {
    let users = Users {
        first: 0,
        count: 3000,
        zeros: 14,
    };
    users.sketch()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merging_is_inserting_in_any_order(streams in vec(users(), 1..4)) {
        let mut all = Sketch::new();
        let mut entries = BTreeSet::new();
        let mut registers = vec![0u8; REGISTERS];
        for hash in streams.iter().flat_map(Users::hashes) {
            let register = &mut registers[usize::from(register_of_hash(hash))];
            let raised = *register < rank_of_hash(hash);
            *register = (*register).max(rank_of_hash(hash));
            entries.insert(entry_of_hash(hash) & 0x1ff_ffff);
            let changed = all.insert(hash);
            prop_assert!(changed || !raised);
            prop_assert!(!all.insert(hash));
        }
        let high = registers.iter().filter(|rank| **rank >= 15).count();
        let expected = match (entries.len(), high) {
            (0..=2560, _) => 0,
            (_, 0..=512) => 1,
            _ => 2,
        };
        prop_assert_eq!(form(&all), expected);
        prop_assert_eq!(registers_of(&all), registers);

        let sketches: Vec<Sketch> = streams.iter().map(Users::sketch).collect();
        let forwards = merged(&sketches);
        let backwards = merged(sketches.iter().rev());
        prop_assert_eq!(&forwards, &all);
        prop_assert_eq!(encoded(&forwards), encoded(&all));
        prop_assert_eq!(encoded(&backwards), encoded(&all));
        let mut twice = forwards.clone();
        twice.merge(&all);
        prop_assert_eq!(encoded(&twice), encoded(&all));

        let mut last_first = merged(&sketches[1..]);
        last_first.merge(&sketches[0]);
        let mut grouped = sketches[0].clone();
        grouped.merge(&merged(&sketches[1..]));
        prop_assert_eq!(encoded(&grouped), encoded(&last_first));
    }

    #[test]
    fn a_union_counts_what_the_merged_sketch_counts(streams in vec(users(), 0..5)) {
        let sketches: Vec<Sketch> = streams.iter().map(Users::sketch).collect();
        let mut union = Union::new();
        union.add(&packed_sketch());
        union.clear();
        prop_assert_eq!(union.estimate(), 0.0);
        for n in 0..sketches.len() {
            union.add(&sketches[n]);
            let so_far = merged(&sketches[..=n]);
            prop_assert_eq!(union.estimate(), so_far.estimate());
            prop_assert_eq!(union.is_sparse(), so_far.is_sparse());
        }
    }

    #[test]
    fn what_is_stored_is_read_again(users in users()) {
        let sketch = users.sketch();
        let bytes = encoded(&sketch);
        let back = decoded(&bytes).unwrap();
        prop_assert_eq!(&back, &sketch);
        prop_assert_eq!(encoded(&back), bytes);
        prop_assert_eq!(back.is_empty(), users.count == 0);
    }

    #[test]
    fn a_redis_string_holds_the_same_registers(users in users()) {
        let sketch = users.sketch();
        let string = sketch.to_redis();
        let back = Sketch::from_redis(&string).unwrap();
        prop_assert_eq!(back.to_redis(), string);
        prop_assert_eq!(decoded(&encoded(&back)).unwrap(), back.clone());
        prop_assert_eq!(back.is_sparse(), users.count == 0);
        if !sketch.is_sparse() {
            prop_assert_eq!(back, sketch);
        }
    }

    #[test]
    fn an_import_changes_what_it_raises_and_keeps_what_is_near_exact(
        mine in users(),
        theirs in users(),
    ) {
        let (before, registers) = (mine.sketch(), theirs.sketch().to_redis());
        let foreign = Sketch::from_redis(&registers).unwrap();
        let mut sketch = before.clone();
        let union: Vec<u8> = registers_of(&before).into_iter()
            .zip(registers_of(&foreign)).map(|(a, b)| a.max(b)).collect();
        let rises = union != registers_of(&before);
        prop_assert_eq!(sketch.import(&foreign), rises);
        prop_assert_eq!(registers_of(&sketch), union);
        prop_assert_eq!(sketch.is_sparse(), before.is_sparse() && !rises);
        let after = sketch.clone();
        prop_assert!(!sketch.import(&foreign) && !sketch.import(&before));
        prop_assert_eq!(&sketch, &after);
        prop_assert!(rises || sketch == before);
        prop_assert_eq!(decoded(&encoded(&sketch)).unwrap(), sketch);
    }

    #[test]
    fn a_small_redis_string_is_sparse_and_has_the_same_count(users in users()) {
        let sketch = users.sketch();
        let (string, dense) = (sketch.to_redis(), sketch.to_redis_dense());
        prop_assert_eq!(Sketch::from_redis(&string), Sketch::from_redis(&dense));
        prop_assert_eq!(dense.len(), 16 + 12_288);
        prop_assert!(string == dense || string.len() <= 3_000 && string[4] == 1);
        let highest = registers_of(&sketch).into_iter().max();
        if users.count < 500 && highest <= Some(32) {
            prop_assert!(string.len() <= 18 + 5 * users.count as usize);
        }
    }

    #[test]
    fn a_damaged_payload_is_refused_or_canonical(users in users(), at: usize, byte: u8) {
        let mut bytes = encoded(&users.sketch());
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(sketch) = decoded(&bytes) {
            prop_assert_eq!(encoded(&sketch), bytes);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(form in 0u8..4, bytes: Vec<u8>) {
        let bytes = [&[form][..], &bytes].concat();
        if let Ok(sketch) = decoded(&bytes) {
            prop_assert_eq!(encoded(&sketch), bytes);
        }
    }

    #[test]
    fn any_redis_string_is_read_or_refused(encoding in 0u8..3, bytes: Vec<u8>) {
        let header = [b"HYLL", &[encoding, 1, 2, 3][..], &[9; 8]].concat();
        let _ = Sketch::from_redis(&[&header[..], &bytes].concat());
        let _ = Sketch::from_redis(&bytes);
    }
}

#[test]
fn a_sketch_is_three_words_and_an_empty_one_no_more() {
    assert_eq!(size_of::<Sketch>(), 24);
    assert_eq!(Sketch::new().heap_bytes(), 0);
    assert!(Sketch::new().is_empty());
    assert_eq!(encoded(&Sketch::new()), [0, 0]);
}

#[test]
fn memory_follows_the_form() {
    let heap = |count, zeros| {
        let users = Users {
            first: 0,
            count,
            zeros,
        };
        users.sketch().heap_bytes()
    };
    assert_eq!(heap(4, 0), 0);
    assert_eq!(heap(5, 0), 32);
    assert_eq!(heap(1280, 0), 6_144);
    assert_eq!(heap(1690, 0), 6_144);
    assert_eq!(heap(2250, 0), 8_192);
    assert_eq!(heap(2560, 0), 10_240);
    // High ranks only, as of billions of users.
    assert_eq!(heap(2000, 14), 12_288);
    assert!((8192..8300).contains(&heap(4000, 0)));
    assert_eq!(packed_sketch().heap_bytes(), 12_288);
}

#[test]
fn each_bad_field_of_a_payload_is_refused() {
    let refused = |bytes: &[u8], problem| assert_eq!(decoded(bytes).unwrap_err(), problem);
    refused(&[], "truncated");
    refused(&[3], "unknown");

    // Sparse: the count, the indexes, the ranks.
    refused(&[0], "truncated");
    refused(&[0, 2], "more items than bytes");
    refused(&[0, 0x81, 0x14], "out of range"); // 2,561
    refused(&[0, 1, 0x80, 0x80, 0x80, 0x10], "out of range"); // index 2^25
    refused(&[0, 2, 0xff, 0xff, 0xff, 0x0f, 0], "out of range"); // 2^25 - 1, and one more
    refused(&[0, 1, 7], "truncated");
    refused(&[0, 1, 7, 11], "out of range");
    refused(&[0, 1, 7, 52], "out of range");
    refused(&[0, 1, 7, 12, 0], "bytes after its end");
    refused(&[0, 1, 0x80, 0x80, 0x01, 12], "bytes after its end"); // rank where none belongs
    assert!(decoded(&[0, 1, 7, 12]).is_ok());
    assert!(decoded(&[0, 1, 0x80, 0x80, 0x01]).is_ok());

    // Nibbles: their number, their exceptions.
    let nibbles = |ones: usize, ranks: &[u8]| {
        let mut bytes = vec![0; 1 + 8192];
        bytes[0] = 1;
        bytes[1..=ones].fill(0x0f);
        [&bytes[..], ranks].concat()
    };
    refused(&nibbles(0, &[]), "no register is set");
    refused(&nibbles(1, &[]), "truncated");
    refused(&nibbles(1, &[14]), "out of range");
    refused(&nibbles(1, &[52]), "out of range");
    refused(&nibbles(1, &[15, 15]), "bytes after its end");
    refused(&nibbles(1, &[15])[..8000], "truncated");
    refused(&nibbles(513, &[51; 513]), "more than 512 exceptions");
    assert!(decoded(&nibbles(512, &[15; 512])).is_ok());

    // Packed: the ranks, the form.
    let packed = |low_groups: usize| {
        let mut bytes = vec![0; 1 + 12_288];
        bytes[0] = 2;
        for (i, three) in bytes[1..].chunks_mut(3).enumerate() {
            let rank: u32 = if i < low_groups { 14 } else { 15 };
            let group = rank | rank << 6 | rank << 12 | rank << 18;
            three.copy_from_slice(&group.to_le_bytes()[..3]);
        }
        bytes
    };
    refused(&packed(4096 - 128), "low enough for nibbles");
    refused(&packed(0)[..12_288], "truncated");
    assert!(decoded(&packed(4096 - 129)).is_ok());
    let mut high = packed(0);
    high[1] = 52;
    refused(&high, "a rank above 51");
}

fn redis_string(encoding: u8, registers: &[u8]) -> Vec<u8> {
    [b"HYLL", &[encoding, 0, 0, 0][..], &[0; 8], registers].concat()
}

#[test]
fn sparse_redis_strings_are_read_opcode_by_opcode() {
    // VAL 3 for 2 registers, ZERO 62, VAL 32 for 4, XZERO 16,316.
    let opcodes = [0b1000_1001, 61, 0b1111_1111, 0x40 | 0x3f, 0xbb];
    let sketch = Sketch::from_redis(&redis_string(1, &opcodes)).unwrap();
    let mut registers = vec![0; REGISTERS];
    registers[..2].fill(3);
    registers[64..68].fill(32);
    assert_eq!(registers_of(&sketch), registers);

    let empty = Sketch::from_redis(&redis_string(1, &[0x7f, 0xff])).unwrap();
    assert_eq!(empty, Sketch::new());
}

#[test]
fn hostile_redis_strings_are_refused() {
    let refused = |string: &[u8], problem| {
        assert_eq!(Sketch::from_redis(string).unwrap_err().problem, problem);
    };
    let sparse = |opcodes: &[u8], problem| refused(&redis_string(1, opcodes), problem);
    sparse(&[], "fewer than 16384 registers");
    sparse(&[0x7f, 0xfe], "fewer than 16384 registers");
    sparse(&[0x7f, 0xff, 0x80], "more than 16384 registers");
    sparse(&[0x7f, 0xff, 0x00], "more than 16384 registers");
    sparse(&[0x80, 0x7f, 0xff], "more than 16384 registers");
    sparse(&[0x7f], "truncated");
    sparse(&[0x3f; 257], "more than 16384 registers");
    sparse(&[0xff; 20_000], "more than 16384 registers");

    refused(b"", "truncated");
    refused(b"HYLL", "truncated");
    refused(b"HYLX\0\0\0\0\0\0\0\0\0\0\0\0", "not HYLL");
    refused(&redis_string(2, &[0; 12_288]), "neither dense nor sparse");
    refused(&redis_string(0, &[0; 12_287]), "truncated");
    refused(&redis_string(0, &[0; 12_289]), "bytes after its end");
    refused(&redis_string(0, &[0xff; 12_288]), "a rank above 51");
}

/// `PFADD` of user:0 to user:n-1 on Redis 7.0.15: what `PFCOUNT` replied, and our hash of the
/// registers behind the header of the string, once `PFMERGE` had made it dense.
#[test]
fn redis_itself_would_have_the_same_registers_and_count() {
    for (users, count, registers) in GOLDEN {
        let mut sketch = Sketch::new();
        for user in 0..users {
            sketch.insert(hash(format!("user:{user}").as_bytes()));
        }
        let string = sketch.to_redis_dense();
        assert_eq!(hash(&string[16..]), registers);
        let registers = Sketch::from_redis(&string).unwrap();
        assert_eq!(registers.estimate().round(), count);
    }
}

const GOLDEN: [(u32, f64, u64); 5] = [
    (1, 1.0, 0x2533_53d9_9ac9_0f88),
    (100, 100.0, 0xfded_ea77_2227_c6a0),
    (2000, 2008.0, 0xfd21_2586_47c2_9d32),
    (5000, 5025.0, 0x89b5_e5db_a1da_230b),
    (100_000, 99_471.0, 0x6388_0449_6fcd_2449),
];
