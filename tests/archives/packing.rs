//! Packs archives and compressed streams, right ones and wrong ones.

use std::io::Write;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

pub(super) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// By the tool; `None` if there is none.
pub(super) fn xz(content: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("xz").args(["-c", "-0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut input, content) = (child.stdin.take()?, content.to_vec());
    let writer = std::thread::spawn(move || input.write_all(&content));
    let output = child.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    Some(output.stdout)
}

/// A member of a zip archive, as it is to be written.
pub(super) struct Zipped<'a> {
    pub(super) name: &'a [u8],
    pub(super) content: &'a [u8],
    pub(super) method: u16,
    /// 1 says that it is encrypted, 8 that its sizes follow it.
    pub(super) flags: u16,
    /// Added to the size that is told.
    pub(super) lie: i64,
    pub(super) zip64: bool,
    pub(super) mode: u32,
}

impl<'a> Zipped<'a> {
    pub(super) fn new(name: &'a str, content: &'a [u8], method: u16) -> Self {
        Self { name: name.as_bytes(), content, method, flags: 0, lie: 0, zip64: false, mode: 0o100_644 }
    }

    fn data(&self) -> Vec<u8> {
        match self.method {
            8 => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(self.content).unwrap();
                encoder.finish().unwrap()
            }
            // Blocks that are only stored are the same in Deflate and Deflate64.
            9 => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::none());
                encoder.write_all(self.content).unwrap();
                encoder.finish().unwrap()
            }
            12 => bzip2(self.content),
            93 => zstd(self.content),
            _ => self.content.to_vec(),
        }
    }
}

pub(super) fn crc32(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

/// A zip archive, as APPNOTE.TXT describes it.
pub(super) fn zip(members: &[Zipped<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let (data, start) = (member.data(), out.len());
        let crc = crc32(member.content).to_le_bytes();
        let size = u32::try_from(i64::try_from(member.content.len()).unwrap() + member.lie).unwrap();
        let packed = u32::try_from(data.len()).unwrap();
        let follows = member.flags & 8 != 0;
        let wide = [
            &1u16.to_le_bytes()[..],
            &16u16.to_le_bytes(),
            &u64::from(size).to_le_bytes(),
            &u64::from(packed).to_le_bytes(),
        ]
        .concat();
        let extra: &[u8] = if member.zip64 { &wide } else { b"" };
        let sizes = |told: bool| match (told, member.zip64) {
            (false, _) => [0; 12].to_vec(),
            (true, true) => [&crc[..], &[0xff; 8]].concat(),
            (true, false) => [&crc[..], &packed.to_le_bytes(), &size.to_le_bytes()].concat(),
        };
        let common = |told: bool| {
            let name = u16::try_from(member.name.len()).unwrap().to_le_bytes();
            let extra = u16::try_from(extra.len()).unwrap().to_le_bytes();
            let head = [
                &45u16.to_le_bytes()[..],
                &member.flags.to_le_bytes(),
                &member.method.to_le_bytes(),
                &[0, 0, 0x21, 0x58],
            ];
            [&head.concat()[..], &sizes(told), &name, &extra].concat()
        };
        out.extend([&b"PK\x03\x04"[..], &common(!follows), member.name, extra, &data].concat());
        if follows {
            out.extend([&b"PK\x07\x08"[..], &crc, &packed.to_le_bytes(), &size.to_le_bytes()].concat());
        }
        let offset = u32::try_from(start).unwrap().to_le_bytes();
        let mode = (member.mode << 16).to_le_bytes();
        directory
            .extend([&b"PK\x01\x02\x2d\x03"[..], &common(true), &[0; 6], &mode, &offset, member.name, extra].concat());
    }
    let number = u16::try_from(members.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(directory.len()).unwrap(), u32::try_from(out.len()).unwrap());
    out.extend(&directory);
    out.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &number, &number, &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat(),
    );
    out
}

/// A header of a tar, and what follows it.
pub(super) fn tar_member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"14614437100\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [&header, content, &vec![0; content.len().next_multiple_of(512) - content.len()]].concat()
}

pub(super) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<u8> =
        members.iter().flat_map(|(name, content)| tar_member(name.as_bytes(), b'0', content)).collect();
    [members, vec![0; 1024]].concat()
}

pub(super) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let len =
            (1..9).map(|digits| rest.len() + digits).find(|len| len.to_string().len() + rest.len() == *len).unwrap();
        format!("{len}{rest}")
    };
    tar_member(b"PaxHeaders/x", b'x', records.iter().map(record).collect::<String>().as_bytes())
}
