//! Objects of texts and numbers, as far as messages need them.
//!
//! Names may be any bytes and JSON holds only Unicode: what is no UTF-8 becomes U+FFFD.

use crate::text::numeral::shown_number;

pub struct Object {
    bytes: Vec<u8>,
}

impl Object {
    pub fn new() -> Object {
        Object { bytes: Vec::new() }
    }

    pub fn text(&mut self, name: &str, text: &[u8]) {
        self.name(name.as_bytes());
        write_text(&mut self.bytes, text);
    }

    /// None, an infinity and NaN are written as null.
    pub fn number(&mut self, name: &str, number: Option<f64>) {
        self.named_number(name.as_bytes(), number);
    }

    /// The same under a name of the user's.
    pub fn named_number(&mut self, name: &[u8], number: Option<f64>) {
        self.name(name);
        match number.filter(|number| number.is_finite()) {
            Some(number) => self
                .bytes
                .extend_from_slice(shown_number(number).as_bytes()),
            None => self.bytes.extend_from_slice(b"null"),
        }
    }

    /// Adds a value that is JSON already.
    pub fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name.as_bytes());
        self.bytes.extend_from_slice(json);
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.push(b'{');
        }
        self.bytes.push(b'}');
        self.bytes
    }

    fn name(&mut self, name: &[u8]) {
        self.bytes
            .push(if self.bytes.is_empty() { b'{' } else { b',' });
        write_text(&mut self.bytes, name);
        self.bytes.push(b':');
    }
}

impl Default for Object {
    fn default() -> Object {
        Object::new()
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.push(b'"');
    for char in String::from_utf8_lossy(text).chars() {
        match char {
            '"' => bytes.extend_from_slice(b"\\\""),
            '\\' => bytes.extend_from_slice(b"\\\\"),
            '\0'..='\x1f' | '\x7f' => {
                bytes.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
            }
            _ => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_texts() {
        let mut object = Object::new();
        object.text("a", b"x\"\\\n\0\xff\xc3\xa9");
        object.number("b", Some(74.4));
        object.number("c", Some(1e300));
        object.number("d", None);
        object.number("e", Some(f64::INFINITY));
        object.named_number(b"f\"", Some(-0.5));
        object.raw("g", b"5");
        let expected =
            "{\"a\":\"x\\\"\\\\\\u000a\\u0000\u{fffd}é\",\"b\":74.4,\"c\":1e300,\"d\":null,\
             \"e\":null,\"f\\\"\":-0.5,\"g\":5}";
        assert_eq!(String::from_utf8(object.finish()).unwrap(), expected);
        assert_eq!(Object::new().finish(), b"{}");
    }
}
