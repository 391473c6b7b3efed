//! Hashes under the secret key of a site: of visitors, and of the values that an entry keeps in four bytes.

use crate::table::is_followed;
use siphasher::sip::SipHasher13;
use std::num::NonZeroU64;

/// The secret of a site. It is drawn when visits are switched on, and replicated with the settings, so that
/// replicas hash alike. Without it no client can choose visitors of one partition, or values of one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u64; 2]);

/// The hash of a visitor: the only trace of who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visitor(pub NonZeroU64);

/// What an entry keeps of a text: 39 bits of its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(NonZeroU64);

/// The bits of an id in an entry's words of its own.
pub const LOW_BITS: u32 = 32;
/// The bits that an entry has room for beside its time. Ids of `BY` have `LOW_BITS` only.
pub const HIGH_BITS: u32 = 7;

const USER: u8 = 0;
const SESSION: u8 = 1;

impl Seed {
    /// 32 hexadecimal digits.
    pub fn hex(self) -> Vec<u8> {
        let [a, b] = self.0;
        format!("{a:016x}{b:016x}").into_bytes()
    }

    fn hash(self, bytes: &[u8]) -> u64 {
        let [a, b] = self.0;
        SipHasher13::new_with_keys(a, b).hash(bytes)
    }

    /// Who an event is of: the session that it names, else its user. Both are hashes already.
    #[inline]
    pub fn visitor(self, user: u64, session: Option<u64>) -> Visitor {
        let (kind, id) = match session {
            Some(session) => (SESSION, session),
            None => (USER, user),
        };
        let mut bytes = [kind; 9];
        for (target, byte) in bytes.iter_mut().skip(1).zip(id.to_le_bytes()) {
            *target = byte;
        }
        Visitor(NonZeroU64::new(self.hash(&bytes)).unwrap_or(NonZeroU64::MIN))
    }

    /// The id of the value of a path.
    #[inline]
    pub fn path(self, text: &[u8]) -> ValueId {
        ValueId::of(self.hash(text) >> (64 - LOW_BITS - HIGH_BITS))
    }

    /// The id of the value of a dimension.
    #[inline]
    pub fn value(self, text: &[u8]) -> ValueId {
        ValueId::of(self.hash(text) >> (64 - LOW_BITS))
    }

    /// A number that differs between seeds and layouts: what was stored under another one is not used.
    pub fn tag(self, layout: &[u8]) -> u64 {
        self.hash(&[b"layout ", layout].concat())
    }
}

impl ValueId {
    /// 0 stands for no value.
    #[inline]
    fn of(bits: u64) -> ValueId {
        ValueId(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// None for 0.
    #[inline]
    pub fn stored(bits: u64) -> Option<ValueId> {
        NonZeroU64::new(bits).map(ValueId)
    }

    #[inline]
    pub fn bits(self) -> u64 {
        self.0.get()
    }

    /// Whether it is one that `Seed` makes.
    pub fn is_valid(self) -> bool {
        self.bits() >> (LOW_BITS + HIGH_BITS) == 0
    }

    /// Spreads it over an index of rows, which takes its place from the upper half.
    #[inline]
    pub fn spread(self) -> u64 {
        self.bits() << (64 - LOW_BITS)
    }
}

impl Visitor {
    #[inline]
    pub fn bits(self) -> u64 {
        self.0.get()
    }

    /// The number of its partition, of `1 << bits`.
    #[inline]
    pub fn partition(self, bits: u32) -> u32 {
        self.bits().checked_shr(64 - bits).unwrap_or(0) as u32
    }

    /// Whether it is followed where one in `1 << shift` visitors is.
    #[inline]
    pub fn is_followed(self, shift: u32) -> bool {
        is_followed(self.bits(), shift)
    }

    /// The bits of the hash that an entry keeps, `width` of them behind those of its partition. Never 0, which
    /// is an empty slot.
    #[inline]
    pub fn key(self, partition_bits: u32, width: u32) -> u64 {
        let within = self.bits().checked_shl(partition_bits).unwrap_or(0);
        (within >> (u64::BITS - width)).max(1)
    }
}
