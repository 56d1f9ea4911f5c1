//! The terminal below burn's full-screen display, which takes Ctrl-C for a key of no meaning.

#[cfg(unix)]
pub(crate) use unix::{Saved, let_ctrl_c_through};

#[cfg(unix)]
mod unix {
    use std::mem::MaybeUninit;
    use std::os::fd::IntoRawFd;
    use std::thread;
    use std::time::{Duration, Instant};

    /// How long the display may take to start.
    const START: Duration = Duration::from_secs(2);

    /// What burn's display switched on: mouse reports, the other screen, and no cursor.
    const GIVE_BACK: &[u8] =
        b"\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[?1049l\x1b[?25h";

    /// The settings of the terminal before the display.
    #[derive(Clone, Copy)]
    pub(crate) struct Saved {
        terminal: i32,
        settings: libc::termios,
    }

    impl Saved {
        /// Those of now; `None` without a terminal.
        pub(crate) fn take() -> Option<Self> {
            // Open for as long as the program runs: a signal may need it at any time.
            let terminal =
                fs_err::OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
            let terminal = terminal.into_file().into_raw_fd();
            Some(Self { terminal, settings: settings(terminal)? })
        }

        /// Gives the terminal back as it was. A signal handler may call it.
        pub(crate) fn give_back(&self) {
            // SAFETY: both are calls of the system on our own descriptor, with memory that lives.
            unsafe {
                libc::tcsetattr(self.terminal, libc::TCSANOW, &raw const self.settings);
                libc::write(self.terminal, GIVE_BACK.as_ptr().cast(), GIVE_BACK.len());
            }
        }
    }

    /// Has Ctrl-C send its signal again as soon as the display, which starts on a thread of its own, has
    /// taken it for a key. Ctrl-Z and Ctrl-\ stay keys: they would leave the screen as it is.
    pub(crate) fn let_ctrl_c_through() {
        let Some(Saved { terminal, .. }) = Saved::take() else { return };
        let began = Instant::now();
        while began.elapsed() < START {
            match settings(terminal) {
                Some(mut settings) if settings.c_lflag & libc::ISIG == 0 => {
                    settings.c_lflag |= libc::ISIG;
                    settings.c_cc[libc::VSUSP] = libc::_POSIX_VDISABLE;
                    settings.c_cc[libc::VQUIT] = libc::_POSIX_VDISABLE;
                    // SAFETY: settings that the system gave, on our own descriptor.
                    unsafe { libc::tcsetattr(terminal, libc::TCSANOW, &raw const settings) };
                    return;
                }
                Some(_) => thread::sleep(Duration::from_millis(10)),
                None => return,
            }
        }
    }

    fn settings(terminal: i32) -> Option<libc::termios> {
        let mut settings = MaybeUninit::uninit();
        // SAFETY: where it succeeds, it has written all of the settings.
        unsafe {
            (libc::tcgetattr(terminal, settings.as_mut_ptr()) == 0).then(|| settings.assume_init())
        }
    }
}

/// In place of it where terminals have no such settings: `q` and then `s` stop the run there.
#[cfg(not(unix))]
mod elsewhere {
    #[derive(Clone, Copy)]
    pub(crate) struct Saved;

    impl Saved {
        pub(crate) fn take() -> Option<Self> {
            None
        }

        pub(crate) fn give_back(&self) {}
    }

    pub(crate) fn let_ctrl_c_through() {}
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Saved, let_ctrl_c_through};
