//! Damaged files, and how much memory reading them takes; the only test of its process, so that no other's
//! memory is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use minigpt_gguf::Gguf;

/// The system's allocator, counted.
struct Counted;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system's allocator's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(taken, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// A sequence that a seed repeats: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

/// Numbers that lengths, counts and sizes are replaced by.
const HARD: [u64; 10] =
    [0, 1, 0xff, 1 << 31, u32::MAX as u64, 1 << 32, 1 << 40, 1 << 62, i64::MAX as u64, u64::MAX];

/// The file with one to three things changed.
fn mutant(valid: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = valid.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(file.len());
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.below(256) as u8,
            2 => {
                let bytes = HARD[random.below(HARD.len())].to_le_bytes();
                let end = file.len().min(at + 8);
                file[at..end].copy_from_slice(&bytes[..end - at]);
            }
            3 => file.truncate(at.max(1)),
            4 => {
                let end = file.len().min(at + random.below(64));
                file.drain(at..end);
            }
            _ => {
                let end = file.len().min(at + random.below(64));
                let again = file[at..end].to_vec();
                file.splice(at..at, again);
            }
        }
    }
    file
}

/// Opens a file and reads all in it.
fn read(bytes: Vec<u8>) -> Result<(), String> {
    let file = Gguf::from_bytes(Path::new("x.gguf"), bytes).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for tensor in file.tensors() {
        let info = tensor.info();
        rows.resize(info.row_values() * info.rows().min(1), 0.0);
        (0..info.rows()).for_each(|row| tensor.read_rows(row..row + 1, &mut rows));
    }
    Ok(())
}

/// Peak of the memory that reading takes, the file itself left out.
fn memory(bytes: Vec<u8>) -> (Result<(), String>, usize) {
    let before = TAKEN.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = read(bytes);
    (result, PEAK.load(Ordering::Relaxed) - before)
}

#[test]
fn damaged_files_are_refused_in_a_line_with_little_memory() {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small.gguf");
    let valid = fs_err::read(fixture).unwrap();
    let header = valid.windows(5).rposition(|window| window == b"blk.0").unwrap() + 64;
    let mut random = Random(22);
    let mut refused = 0;
    for number in 0..500 {
        // Every other time only in the header, of which more can be wrong.
        let part = if number % 2 == 0 { valid.len() } else { header };
        let mut file = mutant(&valid[..part], &mut random);
        file.extend(&valid[part..]);
        let limit = 16 * file.len() + (16 << 10);
        let (result, peak) = memory(file);
        assert!(peak < limit, "mutant {number} took {peak} bytes");
        if let Err(line) = result {
            refused += 1;
            assert!(line.starts_with("x.gguf"), "{line}");
            assert!(!line.contains(char::is_control) && line.len() < 1000, "{line:?}");
        }
    }
    // The others changed a name or a number that may be so.
    assert!(refused > 250, "{refused} of 500 were refused");

    // As much of the smallest things as a file of 1 MiB can have: each is larger in memory.
    for kind in [7_u32, 8, 9] {
        let inner = |count: u64| [&8_u32.to_le_bytes()[..], &count.to_le_bytes()].concat();
        let (size, things) = match kind {
            7 => (1, vec![1; 1 << 20]),
            8 => (8, vec![0; 1 << 20]),
            _ => (12, inner(0).repeat((1 << 20) / 12)),
        };
        let count = (things.len() / size) as u64;
        let head = [b"GGUF\x03\0\0\0".as_slice(), &0_u64.to_le_bytes(), &1_u64.to_le_bytes()];
        let key = [&1_u64.to_le_bytes()[..], b"k", &9_u32.to_le_bytes(), &kind.to_le_bytes()];
        let file = [head.concat(), key.concat(), count.to_le_bytes().to_vec(), things].concat();
        let length = file.len();
        let (result, peak) = memory(file);
        assert_eq!(result, Ok(()));
        assert!(peak < 4 * length, "an array of {count} of kind {kind} took {peak} bytes");
    }
}
