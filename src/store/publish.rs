//! New values get their keys.

use super::contents::BucketValue;
use super::value;
use crate::api::context::Ctx;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::StringRef;
use crate::stats;

/// Stores a new bucket under its key, and sets its expiry. A value that foreign code stores there meanwhile
/// is later than the command, and stays. Returns whether a handle on the bucket can be taken: it is there,
/// and the server does not count the uses of keys.
///
/// # Safety
/// It was made by `value::allocate`, and is the server's from here on.
pub unsafe fn publish(
    ctx: Ctx,
    guard: &mut WriteGuard,
    name: StringRef,
    bucket: *mut BucketValue,
    expiry: i64,
) -> bool {
    let key = Key::for_writing(ctx, guard, name);
    if key.exists() {
        drop(key);
        // SAFETY: by the contract; the server did not get it.
        unsafe { value::free_unowned(bucket) };
        return false;
    }
    // SAFETY: by the contract.
    unsafe { value::put_allocated(key, bucket) };
    stats::BUCKETS.add(1);
    // When the key was made, foreign code may have put something else there.
    let key = Key::for_writing(ctx, guard, name);
    let found = value::find::<BucketValue>(&key);
    let is_there = matches!(found, Ok(Some(found)) if found.as_ptr() == bucket);
    if is_there {
        key.expire_at(expiry);
    }
    is_there && !key.counts_uses()
}
