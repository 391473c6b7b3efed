//! Payloads that were tampered with, as many as a test wants of one.

use crate::random::Random;

/// Numbers that limits and types end at.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    63,
    127,
    128,
    513,
    2_561,
    100_001,
    1 << 31,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

const FLOATS: [f64; 6] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    f64::MAX,
    5e-324,
];

/// A payload with something broken behind its first `kept` bytes.
pub fn broken(random: &mut Random, payload: &[u8], kept: usize) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    let place = |random: &mut Random| kept + random.below((payload.len() - kept) as u64) as usize;
    let at = place(random);
    let mut replace = |len: usize, new: &[u8]| {
        let end = (at + len).min(bytes.len());
        bytes.splice(at..end, new.iter().copied());
    };
    match random.below(8) {
        0 => replace(1, &varint(*random.pick(&NUMBERS))),
        1 => replace(varint_len(&payload[at..]), &varint(*random.pick(&NUMBERS))),
        2 => replace(8, &random.pick(&FLOATS).to_le_bytes()),
        3 => replace(8, &random.pick(&NUMBERS).to_be_bytes()),
        4 if random.one_in(4) => bytes.truncate(at),
        5 if random.one_in(4) => replace(0, &[random.next_u64() as u8]),
        6 if random.one_in(4) => replace(1, &[]),
        _ => {
            for _ in 0..1 + random.below(4) {
                bytes[place(random)] ^= 1 << random.below(8);
            }
        }
    }
    bytes
}

pub fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

pub fn varint_len(bytes: &[u8]) -> usize {
    let len = bytes.iter().take(10).position(|byte| byte & 0x80 == 0);
    len.map_or(1, |last| last + 1)
}
