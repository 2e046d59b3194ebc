//! Where the flights come from: the month in the binary, or a folder.

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

const FLIGHTS: &[u8] = include_bytes!("../../../../examples/flights/sample/flights.csv.gz");
const AIRPORTS: &[u8] = include_bytes!("../../../../examples/flights/sample/airports.csv");

#[derive(Clone, Debug)]
pub enum Source {
    /// January.
    Sample,
    /// Has `flights.csv.gz` and `airports.csv`.
    Folder(PathBuf),
}

impl Source {
    /// Both files must be there.
    pub fn folder(path: &Path) -> Result<Self> {
        let source = Self::Folder(path.to_owned());
        source.flights()?;
        source.airports()?;
        Ok(source)
    }

    /// CSV with a header.
    pub fn flights(&self) -> Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Sample => Box::new(MultiGzDecoder::new(FLIGHTS)),
            Self::Folder(folder) => Box::new(MultiGzDecoder::new(open(&folder.join("flights.csv.gz"))?)),
        })
    }

    pub fn airports(&self) -> Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Sample => Box::new(AIRPORTS),
            Self::Folder(folder) => Box::new(open(&folder.join("airports.csv"))?),
        })
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("{} can't be read", path.display()))?))
}
