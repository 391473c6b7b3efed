//! How many errors valgrind has found: a client request, as its manual describes them. Where no valgrind
//! runs the instructions do nothing.

/// `VG_USERREQ__COUNT_ERRORS`.
#[cfg(target_arch = "x86_64")]
const COUNT_ERRORS: usize = 0x1201;

#[cfg(target_arch = "x86_64")]
pub fn errors() -> i64 {
    let request: [usize; 6] = [COUNT_ERRORS, 0, 0, 0, 0, 0];
    let mut count: usize = 0;
    // SAFETY: the register is rotated by 128 bits in all, and an exchange of a register with itself does
    // nothing; valgrind reads the request and writes its answer into rdx.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") count,
            inout("rdi") 0_usize => _,
        );
    }
    count as i64
}

#[cfg(not(target_arch = "x86_64"))]
pub fn errors() -> i64 {
    0
}
