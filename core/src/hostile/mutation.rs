//! Ways to break a payload.

use crate::codec::{Reader, Writer};

/// Zero, one, and numbers next to the limits of fields and of types.
const NUMBERS: [u64; 28] = [
    0,
    1,
    2,
    3,
    15,
    52,
    60,
    63,
    64,
    127,
    128,
    129,
    512,
    513,
    2_560,
    2_561,
    16_384,
    65_537,
    100_000,
    100_001,
    1 << 31,
    1 << 32,
    (1 << 53) + 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];

const FLOATS: [f64; 10] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    1e200,
    f64::MAX,
    f64::MIN,
    5e-324,
    -1.0,
];

/// All positions up to `len`, or so many of them: those at both ends, and some in between.
pub fn positions(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let ends = if len <= most { len } else { most / 3 };
    let step = (len / (most / 3)).max(1);
    let between =
        (ends..len.saturating_sub(ends)).step_by(if len <= most { len + 1 } else { step });
    let back = if len <= most { len } else { len - ends };
    (0..ends)
        .chain(between.filter(move |_| len > most))
        .chain(back..len)
}

#[derive(Clone, Copy)]
pub struct Mutations<'p>(&'p [u8]);

impl<'p> Mutations<'p> {
    pub fn of(payload: &'p [u8]) -> Mutations<'p> {
        Mutations(payload)
    }

    /// At every position, or at so many of them.
    pub fn structural(self, most: usize) -> impl Iterator<Item = Vec<u8>> + 'p {
        positions(self.0.len(), most).flat_map(move |index| {
            let numbers = NUMBERS.map(|number| self.with_number(index, number));
            let floats = FLOATS.map(|float| self.with(index, 8, &float.to_le_bytes()));
            let bytes = [
                self.0[..index].to_vec(),
                self.with(index, 1, &[]),
                self.with(index, 0, &[0]),
                self.with(index, 0, &[0xff]),
                self.with(index, 0, &self.0[index..]),
                self.with(index, 1, &[self.0[index] ^ 0x80]),
            ];
            numbers.into_iter().chain(floats).chain(bytes)
        })
    }

    /// The same with the numbers of bincode, of which sites are made.
    pub fn words(self, most: usize) -> impl Iterator<Item = Vec<u8>> + 'p {
        positions(self.0.len(), most)
            .flat_map(move |index| NUMBERS.map(|number| self.with_word(index, number)))
    }

    /// One to four bytes are others, at random.
    pub fn random(self, count: usize) -> impl Iterator<Item = Vec<u8>> + 'p {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..count).map(move |_| {
            let mut payload = self.0.to_vec();
            for _ in 0..1 + next() % 4 {
                let index = next() as usize % payload.len();
                payload[index] = next() as u8;
            }
            payload
        })
    }

    /// Another number where one of the codec may be.
    fn with_number(self, index: usize, number: u64) -> Vec<u8> {
        let mut reader = Reader::new(&self.0[index..]);
        let len = match reader.varint("number") {
            Ok(_) => self.0.len() - index - reader.remaining(),
            Err(_) => 1,
        };
        let mut writer = Writer::new();
        writer.varint(number);
        self.with(index, len, &writer.into_bytes())
    }

    /// Another number where one of bincode may be: one byte, or a marker and 2, 4 or 8 bytes.
    fn with_word(self, index: usize, number: u64) -> Vec<u8> {
        let len = match self.0[index] {
            251 => 3,
            252 => 5,
            253 => 9,
            _ => 1,
        };
        let word = number.to_le_bytes();
        let bytes = match number {
            0..251 => word[..1].to_vec(),
            251..0x1_0000 => [&[251], &word[..2]].concat(),
            0x1_0000..0x1_0000_0000 => [&[252], &word[..4]].concat(),
            _ => [&[253], &word[..]].concat(),
        };
        self.with(index, len, &bytes)
    }

    fn with(self, index: usize, len: usize, bytes: &[u8]) -> Vec<u8> {
        let after = &self.0[(index + len).min(self.0.len())..];
        [&self.0[..index], bytes, after].concat()
    }
}

#[test]
fn few_positions_are_all_and_many_are_some() {
    assert!(positions(10, 30).eq(0..10));
    let some: Vec<usize> = positions(10_000, 30).collect();
    assert!(some.starts_with(&[0, 1]) && some.ends_with(&[9_998, 9_999]));
    assert!(
        some.is_sorted_by(|a, b| a < b) && (25..60).contains(&some.len()),
        "{some:?}"
    );
}
