//! `ANALYTICS.RESTORE key SITE|BUCKET page [page ...]`: how a rewritten AOF tells a value. It is read
//! with the same suspicion as any payload.

use super::word;
use crate::domain::error::{shown, Error};
use crate::module::bucket_value::BucketValue;
use crate::module::key::Key;
use crate::module::redis::{Ctx, Failure, Outcome, Words};
use crate::module::site_value::SiteValue;
use crate::module::types::{pages_of, Type};

pub fn restore(ctx: Ctx, words: Words) -> Outcome {
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let kind = word(&words, 2)?;
    if kind.eq_ignore_ascii_case(SiteValue::WORD.to_bytes()) {
        restore_value::<SiteValue>(ctx, words)
    } else if kind.eq_ignore_ascii_case(BucketValue::WORD.to_bytes()) {
        restore_value::<BucketValue>(ctx, words)
    } else {
        Err(Error::new(format!("'{}' is neither SITE nor BUCKET", shown(kind))).into())
    }
}

fn restore_value<T: Type>(ctx: Ctx, words: Words) -> Outcome {
    let value = T::decode(&pages_of(words.after(3).strings()))
        .map_err(|corrupt| Error::new(format!("bad payload: {corrupt}")))?;
    let key = Key::for_writing(ctx, words.string(1));
    if key.exists() {
        return Err(Error::new("the key exists already").into());
    }
    key.set(value);
    ctx.replicate_verbatim();
    ctx.signal_modified(words.string(1));
    ctx.notify(c"analytics.restore", words.string(1));
    ctx.reply_ok();
    Ok(())
}
