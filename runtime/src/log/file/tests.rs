//! Rotation with real files (RT-LOG-7).

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A directory of its own, which is deleted with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("goma-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self, rotation: Rotation) -> LogFile {
        LogFile::open(&self.0.join("goma.log"), rotation).unwrap()
    }

    /// Names, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ROTATION: Rotation = Rotation {
    bytes_max: 10,
    backups_max: 2,
    age_max: Duration::ZERO,
};

/// What the log's thread does.
fn write(log: &mut LogFile, lines: &str) {
    if log.is_full(lines.len()) {
        log.rotate().unwrap();
    }
    log.append(lines.as_bytes()).unwrap();
}

/// By size and count: no file is larger than it may be, no line is in two files or lost.
#[test]
fn by_size_and_count() {
    let place = Place::new("size");
    let mut log = place.open(ROTATION);
    for line in [
        "one\n",
        "two\n",
        "three\n",
        "four\n",
        "five\n",
        "longer than ten\n",
        "six\n",
    ] {
        write(&mut log, line);
    }
    let names = place.names();
    let [older, newer, current] = names.as_slice() else {
        panic!("{names:?}")
    };
    assert_eq!(current, "goma.log");
    assert!(
        older.starts_with("goma-20") && older.ends_with(".log"),
        "{older}"
    );
    assert_eq!(place.text(older), "four\nfive\n");
    assert_eq!(place.text(newer), "longer than ten\n");
    assert_eq!(place.text(current), "six\n");
}

/// A file that is there already counts, and stays full.
#[test]
fn an_old_file_goes_on() {
    let place = Place::new("old");
    fs::write(place.0.join("goma.log"), "12345678\n").unwrap();
    let mut log = place.open(ROTATION);
    write(&mut log, "9\n");
    let names = place.names();
    assert_eq!(place.text(&names[0]), "12345678\n");
    assert_eq!(place.text("goma.log"), "9\n");
}

/// By age, at start too; 0 keeps any number; files with other names are nobody's.
#[test]
fn by_age() {
    let place = Place::new("age");
    let day = Duration::from_secs(86_400);
    let now = unix_time();
    let name = |age: Duration| format!("goma-{}.log", stamp(now - age));
    let (old, young) = (name(day * 3), name(day));
    for name in [
        &*old,
        &young,
        "goma-old.log",
        "other-2020-01-01T00-00-00.000.log",
    ] {
        fs::write(place.0.join(name), "x").unwrap();
    }
    let rotation = |backups_max, age_max| Rotation {
        bytes_max: 10,
        backups_max,
        age_max,
    };
    place.open(rotation(0, Duration::ZERO));
    assert_eq!(place.names().len(), 5);
    place.open(rotation(0, day * 2));
    let left = place.names();
    assert!(
        !left.contains(&old) && left.contains(&young) && left.len() == 4,
        "{left:?}"
    );
    place.open(rotation(1, Duration::ZERO));
    assert_eq!(place.names().len(), 4);
}

/// New files are nobody else's; a rotated one's mode is kept, as is that of one that is there.
#[test]
fn modes() {
    let place = Place::new("mode");
    let path = place.0.join("logs/deep/goma.log");
    let mut log = LogFile::open(&path, ROTATION).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    write(&mut log, "12345678\n");
    write(&mut log, "9\n");
    assert_eq!(mode(&path), 0o640);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
}

/// Two processes, as in a takeover: the one that comes later does not rename the new file.
#[test]
fn two_writers() {
    let place = Place::new("two");
    let (mut one, mut other) = (place.open(ROTATION), place.open(ROTATION));
    write(&mut one, "1234567\n");
    write(&mut other, "abcdefg\n");
    write(&mut one, "89\n");
    write(&mut one, "0\n");
    write(&mut other, "hi\n");
    let names = place.names();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(place.text(&names[0]), "1234567\nabcdefg\n");
    assert_eq!(place.text("goma.log"), "89\n0\nhi\n");
}

/// What cannot be rotated stays in use, and is not tried again for every line.
#[test]
fn a_failed_rotation_loses_nothing() {
    let place = Place::new("failed");
    let mut log = place.open(ROTATION);
    write(&mut log, "12345678\n");
    fs::remove_file(place.0.join("goma.log")).unwrap();
    fs::create_dir(place.0.join("goma.log")).unwrap();
    assert!(log.is_full(2));
    assert!(log.rotate().is_err());
    assert!(!log.is_full(2));
    log.append(b"9\n").unwrap();
    assert!(log.is_full(10));
    fs::remove_dir(place.0.join("goma.log")).unwrap();
    write(&mut log, "0123456789\n");
    assert_eq!(place.text("goma.log"), "0123456789\n");
}

/// What is no regular file is never renamed.
#[test]
fn devices_are_not_rotated() {
    let place = Place::new("device");
    symlink("/dev/null", place.0.join("goma.log")).unwrap();
    let mut log = place.open(ROTATION);
    for _ in 0..10 {
        write(&mut log, "12345678\n");
    }
    assert_eq!(place.names(), ["goma.log"]);
}

/// A line that broke off is not joined with the next one.
#[test]
fn after_a_failed_write_a_line_begins() {
    let place = Place::new("broken");
    let mut log = place.open(ROTATION);
    log.append(b"ab").unwrap();
    log.broken = true;
    log.append(b"c\n").unwrap();
    assert_eq!(place.text("goma.log"), "ab\nc\n");
    // A full disk is said, and counted by the caller.
    let mut full = LogFile::open(Path::new("/dev/full"), ROTATION).unwrap();
    assert!(full.append(b"a\n").is_err());
    assert!(full.broken);
}
