//! The primitives of every stored format.
//!
//! ```text
//! varint   LEB128, least significant 7 bits first, at most 10 bytes, shortest form only
//! signed   zigzag, then varint
//! float    8 bytes, IEEE 754, little-endian
//! bytes    varint length, then that many bytes
//! ```
//!
//! A stored value is a list of such payloads, its pages: where the format allows a page to turn, a
//! writer starts a new one once the current one holds a mebibyte, so that no string that goes
//! through Redis is ever near its limit of 512 MB. A reader takes pages that turn there, and no
//! others: the same content is the same pages.
//!
//! A `Reader` takes any bytes: every count that it returns is bounded by a constant of the caller
//! and by the bytes that are left, so that no payload makes a decoder allocate more than a small
//! multiple of its own size.

use super::error::Corrupt;

/// One payload of a stored value.
pub type Page = Vec<u8>;

const FULL_PAGE: usize = 1 << 20;

/// Most small values fit into this: growing to it from nothing takes six allocations.
const FIRST_ROOM: usize = 256;

/// Appends fields to a growing value.
pub struct Writer {
    full: Vec<Page>,
    bytes: Page,
}

impl Writer {
    pub fn new() -> Writer {
        Writer {
            full: Vec::new(),
            bytes: Vec::with_capacity(FIRST_ROOM),
        }
    }

    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// The whole of a value that has one page.
    pub fn into_bytes(self) -> Page {
        self.bytes
    }

    pub fn into_pages(self) -> Vec<Page> {
        let mut pages = self.full;
        pages.push(self.bytes);
        pages
    }

    /// Starts a new page if this one is full.
    pub fn turn_page(&mut self) {
        if self.bytes.len() >= FULL_PAGE {
            self.full.push(std::mem::take(&mut self.bytes));
        }
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    #[inline]
    pub fn varint(&mut self, value: u64) {
        match value {
            0..0x80 => self.bytes.push(value as u8),
            0x80..0x1000_0000 => self.short_varint(value as u32),
            _ => self.long_varint(value),
        }
    }

    /// At most 28 bits: four bytes in one piece, of which those stay that are needed. No branch depends
    /// on the length, which no processor can foresee between the entries of a sketch.
    #[inline]
    fn short_varint(&mut self, value: u32) {
        let last = value.checked_ilog2().unwrap_or(0) / 7;
        let sevens = value & 0x7f
            | (value << 1) & 0x7f00
            | (value << 2) & 0x7f_0000
            | (value << 3) & 0x7f00_0000;
        let more = 0x0080_8080 & ((1 << (8 * last)) - 1);
        let end = self.bytes.len() + last as usize + 1;
        self.raw(&(sevens | more).to_le_bytes());
        self.bytes.truncate(end);
    }

    #[cold]
    fn long_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    pub fn float(&mut self, value: f64) {
        self.raw(&value.to_bits().to_le_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.raw(value);
    }

    /// Bytes without their length.
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

/// Items in the order of their keys, as they are stored, each with its index. Small tables mostly are in
/// that order already.
pub fn in_order<'i, T, K: Ord>(
    items: &'i [T],
    key: impl Fn(&'i T) -> K,
) -> impl Iterator<Item = (usize, &'i T)> {
    let is_in_order = items.is_sorted_by_key(&key);
    let mut sorted: Vec<(usize, &T)> = Vec::new();
    if !is_in_order {
        sorted.extend(items.iter().enumerate());
        sorted.sort_unstable_by_key(|(_, item)| key(item));
    }
    let lying = if is_in_order { items } else { &[] };
    lying.iter().enumerate().chain(sorted)
}

/// Takes fields off a payload, in the order in which they were written.
pub struct Reader<'a> {
    rest: &'a [u8],
    /// How long the whole of the current page is.
    page: usize,
    more: Option<&'a mut dyn Iterator<Item = &'a [u8]>>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            rest: bytes,
            page: bytes.len(),
            more: None,
        }
    }

    pub fn over(pages: &'a mut dyn Iterator<Item = &'a [u8]>) -> Reader<'a> {
        let first = pages.next().unwrap_or_default();
        Reader {
            more: Some(pages),
            ..Reader::new(first)
        }
    }

    /// Goes on to the next page where a writer would have started one.
    pub fn turn_page(&mut self) -> Result<(), Corrupt> {
        if self.page - self.rest.len() < FULL_PAGE {
            return Ok(());
        }
        if !self.rest.is_empty() {
            return Err(corrupt("page", "goes on after it was full"));
        }
        let next = self.more.as_mut().and_then(|more| more.next());
        let next = next.ok_or(corrupt("page", "truncated"))?;
        (self.rest, self.page) = (next, next.len());
        Ok(())
    }

    /// Whether one more item of a list follows (1) or the list is over (0).
    pub fn next_item(&mut self, field: &'static str) -> Result<bool, Corrupt> {
        self.turn_page()?;
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt(field, "neither one more nor the end")),
        }
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub fn raw(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], Corrupt> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(corrupt(field, "truncated"))?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Corrupt> {
        match self.raw(field, 1)? {
            [byte] => Ok(*byte),
            _ => Err(corrupt(field, "truncated")),
        }
    }

    #[inline]
    pub fn varint(&mut self, field: &'static str) -> Result<u64, Corrupt> {
        match self.short_varint() {
            Some(value) => Ok(u64::from(value)),
            None => self.long_varint(field),
        }
    }

    /// One of at most four bytes, where at least four are left; without a branch on its length.
    #[inline]
    fn short_varint(&mut self) -> Option<u32> {
        let word = u32::from_le_bytes(*self.rest.first_chunk()?);
        let ends = !word & 0x8080_8080;
        if ends == 0 {
            return None;
        }
        // Up to the first byte without a high bit, which is the last.
        let value = word & (ends ^ ends.wrapping_sub(1));
        let len = ends.trailing_zeros() / 8 + 1;
        if len > 1 && value >> (8 * (len - 1)) == 0 {
            // Not in its shortest form.
            return None;
        }
        self.rest = self.rest.get(len as usize..)?;
        Some(
            value & 0x7f
                | (value >> 1) & 0x3f80
                | (value >> 2) & 0x1f_c000
                | (value >> 3) & 0xfe0_0000,
        )
    }

    fn long_varint(&mut self, field: &'static str) -> Result<u64, Corrupt> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(field)?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                return Err(corrupt(field, "more than 64 bits"));
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift != 0 {
                    return Err(corrupt(field, "not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(corrupt(field, "more than 64 bits"))
    }

    /// A number that the caller accepts up to `max`.
    #[inline]
    pub fn varint_to(&mut self, field: &'static str, max: u64) -> Result<u64, Corrupt> {
        let value = self.varint(field)?;
        if value > max {
            return Err(corrupt(field, "out of range"));
        }
        Ok(value)
    }

    pub fn signed(&mut self, field: &'static str) -> Result<i64, Corrupt> {
        let value = self.varint(field)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A float that is neither NaN nor infinite, and not the negative zero.
    pub fn float(&mut self, field: &'static str) -> Result<f64, Corrupt> {
        let mut bits = [0; 8];
        bits.copy_from_slice(self.raw(field, 8)?);
        let value = f64::from_bits(u64::from_le_bytes(bits));
        if !value.is_finite() {
            return Err(corrupt(field, "not a finite number"));
        }
        if value == 0.0 && value.is_sign_negative() {
            return Err(corrupt(field, "a negative zero"));
        }
        Ok(value)
    }

    /// How many items follow, of at least `item_bytes` bytes each: at most `max`, and no more than
    /// the bytes that are left can hold.
    pub fn count(
        &mut self,
        field: &'static str,
        max: usize,
        item_bytes: usize,
    ) -> Result<usize, Corrupt> {
        let count = self.varint_to(field, max as u64)? as usize;
        if count > self.rest.len() / item_bytes.max(1) {
            return Err(corrupt(field, "more items than bytes"));
        }
        Ok(count)
    }

    pub fn bytes(&mut self, field: &'static str, max: usize) -> Result<&'a [u8], Corrupt> {
        let len = self.count(field, max, 1)?;
        self.raw(field, len)
    }

    /// Nothing may follow the last field.
    pub fn finish(self) -> Result<(), Corrupt> {
        if self.rest.is_empty() && self.more.is_none_or(|more| more.next().is_none()) {
            Ok(())
        } else {
            Err(corrupt("payload", "bytes after its end"))
        }
    }
}

pub const fn corrupt(field: &'static str, problem: &'static str) -> Corrupt {
    Corrupt { field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_varint_has_one_form() {
        assert_eq!(
            Reader::new(&[0x80, 0x00]).varint("n").unwrap_err().problem,
            "not in its shortest form"
        );
        assert_eq!(
            Reader::new(&[0xff; 10]).varint("n").unwrap_err().problem,
            "more than 64 bits"
        );
        assert_eq!(
            Reader::new(&[0xff]).varint("n").unwrap_err().problem,
            "truncated"
        );
    }

    #[test]
    fn a_varint_is_as_long_as_its_number_asks_for() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1 << bits) - 1, (1 << bits) + 1] {
                let mut writer = Writer::new();
                writer.varint(number);
                let written = writer.into_bytes();
                let needed = (64 - number.leading_zeros()).div_ceil(7).max(1);
                assert_eq!(written.len(), needed as usize, "{number}");
                assert_eq!(Reader::new(&written).varint("n").unwrap(), number);
            }
        }
    }

    #[test]
    fn a_count_is_bounded_by_the_bytes_that_are_left() {
        let mut reader = Reader::new(&[200, 1, 0, 0]);
        assert_eq!(
            reader.count("n", 1000, 1).unwrap_err().problem,
            "more items than bytes"
        );
    }

    #[test]
    fn floats_are_ordinary_numbers() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
            let mut writer = Writer::new();
            writer.float(value);
            assert!(Reader::new(&writer.into_bytes()).float("x").is_err());
        }
    }

    #[test]
    fn pages_turn_where_the_format_allows_it() {
        let mut writer = Writer::new();
        for _ in 0..3 {
            writer.turn_page();
            writer.u8(1);
            writer.raw(&vec![7; FULL_PAGE]);
        }
        writer.turn_page();
        writer.u8(0);
        let pages = writer.into_pages();
        assert_eq!(pages.len(), 4);
        let mut pages = pages.iter().map(Vec::as_slice);
        let mut reader = Reader::over(&mut pages);
        let mut items = 0;
        while reader.next_item("item").unwrap() {
            reader.raw("item", FULL_PAGE).unwrap();
            items += 1;
        }
        assert_eq!(items, 3);
        reader.finish().unwrap();
    }

    #[test]
    fn pages_turn_nowhere_else() {
        let items = |pages: &[Page]| {
            let mut pages = pages.iter().map(Vec::as_slice);
            let mut reader = Reader::over(&mut pages);
            while reader.next_item("item")? {
                reader.raw("item", FULL_PAGE - 1)?;
            }
            reader.finish()
        };
        let item = [vec![1], vec![7; FULL_PAGE - 1]].concat();
        assert_eq!(items(&[item.clone(), vec![0]]), Ok(()));
        let together = [item.clone(), vec![0]].concat();
        assert!(items(&[together]).is_err());
        assert!(items(&[
            item.clone(),
            item[..1].to_vec(),
            item[1..].to_vec(),
            vec![0]
        ])
        .is_err());
        assert!(items(&[item.clone(), vec![0], vec![]]).is_err());
        assert!(items(&[vec![], vec![0]]).is_err());
        assert!(items(&[item]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(n: u64, i: i64, bytes: Vec<u8>, x in proptest::num::f64::NORMAL) {
            let mut writer = Writer::new();
            writer.varint(n);
            writer.signed(i);
            writer.bytes(&bytes);
            writer.float(x);
            let written = writer.into_bytes();
            let mut reader = Reader::new(&written);
            prop_assert_eq!(reader.varint("n").unwrap(), n);
            prop_assert_eq!(reader.signed("i").unwrap(), i);
            prop_assert_eq!(reader.bytes("bytes", usize::MAX).unwrap(), &bytes[..]);
            prop_assert_eq!(reader.float("x").unwrap(), x);
            reader.finish().unwrap();
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.varint("n").is_ok() {}
        }
    }
}
