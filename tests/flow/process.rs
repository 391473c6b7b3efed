//! Child processes that never outlive the tests.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{mpsc, Mutex, OnceLock};
use std::thread;

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a process that the kernel kills when this one ends, however it ends.
///
/// The kernel means the end of the thread that started it, not of the process, and a test is a
/// thread: so one thread, which lives as long as the process, starts all of them.
pub fn spawn_bound(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Request>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                // SAFETY: prctl with these arguments is a plain system call: it neither allocates
                // nor locks, as is asked of code between fork and exec.
                unsafe { command.pre_exec(die_with_parent) };
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, child) = mpsc::channel();
    let spawner = spawner.lock().expect("no thread fails while it asks");
    let asked = spawner.send((command, answer)).is_ok();
    drop(spawner);
    assert!(asked, "the thread that starts servers is gone");
    child
        .recv()
        .expect("the thread that starts servers answers")
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory of ours.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks a process to end in an orderly way.
pub fn terminate(child: &Child) {
    // SAFETY: kill takes plain numbers. The child has not been waited for, so the pid is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
}
