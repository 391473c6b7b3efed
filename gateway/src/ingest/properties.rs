//! The free properties of an event, from JSON: texts and booleans are dimensions, numbers are
//! values; null, arrays and objects are skipped.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

#[derive(Debug, Default)]
pub struct Properties {
    pub dimensions: Vec<(String, String)>,
    pub values: Vec<(String, f64)>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Properties, D::Error> {
        deserializer.deserialize_any(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Properties, E> {
        Ok(Properties::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut properties = Properties::default();
        while let Some(name) = map.next_key::<String>()? {
            match map.next_value::<Property>()? {
                Property::Text(text) => properties.dimensions.push((name, text)),
                Property::Number(number) => properties.values.push((name, number)),
                Property::Skipped => {}
            }
        }
        Ok(properties)
    }
}

/// One property.
#[derive(Debug, PartialEq)]
pub enum Property {
    Text(String),
    Number(f64),
    Skipped,
}

impl<'de> Deserialize<'de> for Property {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Property, D::Error> {
        deserializer.deserialize_any(PropertyVisitor)
    }
}

struct PropertyVisitor;

impl<'de> Visitor<'de> for PropertyVisitor {
    type Value = Property;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Property, E> {
        Ok(Property::Text(String::from(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Property, E> {
        Ok(Property::Text(text))
    }

    fn visit_bool<E>(self, is: bool) -> Result<Property, E> {
        Ok(Property::Text(String::from(if is {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Property, E> {
        Ok(Property::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Property, E> {
        Ok(Property::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Property, E> {
        Ok(Property::Number(number as f64))
    }

    fn visit_unit<E>(self) -> Result<Property, E> {
        Ok(Property::Skipped)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Property, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Property::Skipped)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Property, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Property::Skipped)
    }
}

/// An id: a text, or a whole number as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(pub String);

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Identity, D::Error> {
        deserializer.deserialize_any(IdentityVisitor)
    }
}

struct IdentityVisitor;

impl Visitor<'_> for IdentityVisitor {
    type Value = Identity;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Identity, E> {
        Ok(Identity(String::from(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Identity, E> {
        Ok(Identity(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Identity, E> {
        Ok(Identity(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Identity, E> {
        Ok(Identity(number.to_string()))
    }
}

/// A time: a number, or a text with one or with ISO 8601. Read by `instant`, in the site's zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp(pub String);

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamp, D::Error> {
        match Property::deserialize(deserializer)? {
            Property::Text(text) => Ok(Stamp(text)),
            Property::Number(number) => Ok(Stamp(number.to_string())),
            Property::Skipped => Err(serde::de::Error::custom("a time is a number or a text")),
        }
    }
}

impl Stamp {
    /// In milliseconds; None for what is no time.
    pub fn instant(&self) -> Option<i64> {
        crate::time::parse(&self.0, &jiff::tz::TimeZone::UTC)
    }
}
