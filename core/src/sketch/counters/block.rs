//! A run of bytes that takes no allocation while it is small.
//!
//! ```text
//! 0      1      4          8                         24
//! | form | width| mark i32 | up to 16 bytes in place |
//! |      |      |          | or a boxed slice        |
//! ```
//!
//! Most rows of a bucket count a few events, which fit in the block itself. Larger
//! blocks are as long as one of the allocator's size classes, which wastes nothing that the
//! allocator would not waste, and grows by an eighth to a quarter each time.

/// How many bytes one counter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    #[inline]
    pub fn bytes(self) -> usize {
        1 << self as u8
    }

    /// The narrowest that holds `count`.
    pub fn of(count: u64) -> Width {
        match count {
            0..=0xff => Width::One,
            0x100..=0xffff => Width::Two,
            0x1_0000..=0xffff_ffff => Width::Four,
            _ => Width::Eight,
        }
    }

    pub fn wider(self) -> Width {
        match self {
            Width::One => Width::Two,
            Width::Two => Width::Four,
            Width::Four | Width::Eight => Width::Eight,
        }
    }
}

const INLINE: usize = 16;

/// Aligned like a box, so that `mark` and `width` have the same offset in both forms and are read without
/// a branch.
#[derive(Clone)]
#[repr(align(8))]
pub struct Inline([u8; INLINE]);

/// Bytes, the width of the counters in them, and a number that the owner needs to read them.
#[derive(Clone)]
pub enum Block {
    Inline {
        width: Width,
        mark: i32,
        bytes: Inline,
    },
    Heap {
        width: Width,
        mark: i32,
        bytes: Box<[u8]>,
    },
}

impl Block {
    pub const EMPTY: Block = Block::Inline {
        width: Width::One,
        mark: 0,
        bytes: Inline([0; INLINE]),
    };

    /// Zeros: `Block::capacity(len)` bytes of them.
    pub fn zeroed(width: Width, mark: i32, len: usize) -> Block {
        if len <= INLINE {
            Block::Inline {
                width,
                mark,
                bytes: Inline([0; INLINE]),
            }
        } else {
            Block::Heap {
                width,
                mark,
                bytes: vec![0; Block::capacity(len)].into_boxed_slice(),
            }
        }
    }

    /// How long a block for `len` bytes is: jemalloc's size classes, four to each doubling.
    pub fn capacity(len: usize) -> usize {
        let step = (len.next_power_of_two() / 8).max(INLINE);
        len.max(1).next_multiple_of(step)
    }

    #[inline]
    pub fn parts(&self) -> (Width, i32, &[u8]) {
        match self {
            Block::Inline { width, mark, bytes } => (*width, *mark, &bytes.0),
            Block::Heap { width, mark, bytes } => (*width, *mark, bytes),
        }
    }

    #[inline]
    pub fn parts_mut(&mut self) -> (Width, i32, &mut [u8]) {
        match self {
            Block::Inline { width, mark, bytes } => (*width, *mark, &mut bytes.0),
            Block::Heap { width, mark, bytes } => (*width, *mark, bytes),
        }
    }

    #[inline]
    pub fn width(&self) -> Width {
        self.parts().0
    }

    pub fn set_mark(&mut self, new: i32) {
        match self {
            Block::Inline { mark, .. } | Block::Heap { mark, .. } => *mark = new,
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Block::Inline { .. } => 0,
            Block::Heap { bytes, .. } => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_three_words() {
        assert_eq!(size_of::<Block>(), 24);
    }

    #[test]
    fn lengths_are_the_size_classes_of_the_allocator() {
        let mut classes: Vec<usize> = (0..=640).map(Block::capacity).collect();
        classes.dedup();
        assert_eq!(
            classes,
            [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640]
        );
    }

    #[test]
    fn a_small_block_allocates_nothing() {
        assert_eq!(Block::zeroed(Width::Four, 0, 16).heap_bytes(), 0);
        assert_eq!(Block::zeroed(Width::One, 0, 17).heap_bytes(), 32);
    }
}
