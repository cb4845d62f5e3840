#!/usr/bin/env bash
# Builds an ffmpeg that turns audio of any kind into WAV, and can do nothing else; for the image.
#
#   scripts/build-ffmpeg.sh TARGET-FOLDER
#
# Debian's own package draws in 470 MB of video, displays and networks; this is a file of a few MB,
# made from the same, patched sources. Needs deb-src lines in apt's lists of sources.
set -euo pipefail

target=$1
# Enough for whatever holds sound; a video file's sound is read, too.
decoders='aac* ac3* eac3 adpcm_* alac amr* ape atrac* cook dca dsd_* flac g723_1 g729 gsm* ilbc mp1*
    mp2* mp3* mpc* nellymoser opus pcm_* qcelp qdm2 ra_* ralf s302m shorten sipr speex tak truehd tta
    twinvq vorbis wavpack wma*'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get source ffmpeg
cd ffmpeg-*/
enabled=()
for decoder in $decoders; do
    enabled+=("--enable-decoder=$decoder")
done
./configure --disable-everything --disable-autodetect --disable-network --disable-doc \
    --disable-debug --disable-programs --enable-ffmpeg --disable-avdevice --disable-swscale \
    --disable-postproc --enable-gpl --disable-x86asm --enable-small \
    --enable-demuxers --disable-demuxer=rtsp,rtp,sdp --enable-parsers --enable-protocol=file \
    --enable-muxer=wav --enable-encoder=pcm_s16le --enable-filter=aresample,aformat,anull,abuffer \
    --enable-swresample "${enabled[@]}"
make -j"$(nproc)" ffmpeg
install -s -m 0755 ffmpeg "$target/ffmpeg"
