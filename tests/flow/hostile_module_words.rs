//! The words of the scenes and deeds of `hostile_module`: names of keys, times and values.

use std::collections::BTreeMap;

use testkit::calendar::{buckets, floor, DAY, MINUTE};

pub type Words = Vec<Vec<u8>>;

/// What the words of a line stand for.
pub struct Dictionary(BTreeMap<&'static str, Vec<u8>>);

impl Dictionary {
    pub fn new(now: i64) -> Dictionary {
        let time = floor(now, MINUTE) - 2 * MINUTE;
        let mut words = BTreeMap::new();
        let all = buckets("shop", "UTC", time);
        for (word, bucket) in ["$m", "$h", "$d", "$w", "$M"].into_iter().zip(all) {
            words.insert(word, bucket.key.into_bytes());
        }
        let [before, ..] = buckets("shop", "UTC", time - MINUTE);
        let [theirs, ..] = buckets("other", "UTC", time);
        words.insert("$p", before.key.into_bytes());
        words.insert("$theirs", theirs.key.into_bytes());
        words.insert("$log", b"{shop}:events".to_vec());
        words.insert("$alerts", b"{shop}:alerts".to_vec());
        words.insert("$v", b"{shop}:visitors:0".to_vec());
        words.insert("$q", b"{shop}:people:0".to_vec());
        let times = [
            ("$t", time),
            ("$pt", time - MINUTE),
            ("$old", time - 3 * DAY),
        ];
        for (word, time) in times {
            words.insert(word, time.to_string().into_bytes());
        }
        Dictionary(words)
    }

    pub fn words(&self, line: &str) -> Words {
        let word = |word: &str| match self.0.get(word) {
            Some(bytes) => bytes.clone(),
            // In the middle of JSON.
            None => {
                let text = |word| String::from_utf8_lossy(&self.0[word]).into_owned();
                let word = word.replace("$old", &text("$old"));
                word.replace("$t", &text("$t")).into_bytes()
            }
        };
        line.split_whitespace().map(word).collect()
    }

    pub fn name(&self, word: &str) -> Vec<u8> {
        self.words(word).remove(0)
    }

    pub fn insert(&mut self, word: &'static str, bytes: Vec<u8>) {
        self.0.insert(word, bytes);
    }
}
