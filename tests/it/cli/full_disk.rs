//! A full disk is an error, whatever its blocks.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Facevault;

/// A file system of 4 MiB with blocks of 1 KiB: smaller than a page of memory.
pub(super) struct SmallBlocks(PathBuf);

impl SmallBlocks {
    pub(super) fn mounted(folder: &Path) -> Option<Self> {
        let (image, place) = (folder.join("image"), folder.join("disk"));
        fs::File::create(&image).expect("a file").set_len(4 << 20).expect("its size");
        fs::create_dir(&place).expect("a folder");
        let run = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = run(Command::new("mkfs.ext4").args(["-q", "-F", "-b", "1024", "-O", "^has_journal"]).arg(&image));
        let mounted = made && run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place));
        mounted.then_some(Self(place))
    }
}

impl Drop for SmallBlocks {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()), "umount failed");
    }
}

#[test]
fn no_signal_ends_a_command_on_a_full_disk_with_small_blocks() {
    let test = Facevault::new();
    let Some(disk) = SmallBlocks::mounted(test.path()) else {
        eprintln!("not tried: this system does not let the test mount a file system");
        return;
    };
    let vault = "disk/v";
    test.run(["init", vault]).ok();
    test.run(["person", "add", vault, "--name", "Ada", "--id", "ada"]).ok();
    let ballast = disk.0.join("ballast");
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&ballast).expect("a file");
    let (mut refused, mut done) = (0, 0);
    for free in (0..48).chain([200]) {
        // Everything but `free` blocks is taken.
        while file.write_all(&[1; 1024]).is_ok() {}
        let taken = file.metadata().expect("its size").len();
        file.set_len(taken.saturating_sub(free * 1024)).expect("cut");
        file.sync_all().expect("synced");
        for command in [&["person", "list", vault][..], &["person", "update", vault, "ada", "--notes", "x"]] {
            let run = test.run(command);
            match run.code {
                0 => done += 1,
                4 => refused += 1,
                _ => panic!("with {free} KiB free: {run:#?}"),
            }
        }
    }
    assert!(refused > 10 && done > 0, "{refused} refused, {done} done");
    file.set_len(0).expect("emptied");
    test.run(["person", "update", vault, "ada", "--notes", "y"]).ok();
    test.run(["check", vault]).ok();
}
