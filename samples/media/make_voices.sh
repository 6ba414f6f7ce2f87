#!/bin/sh
# Makes the four speech files of this folder again. Wants espeak-ng and ffmpeg.
set -eu
cd "$(dirname "$0")"

speak() { # file, voice, pitch, words a minute, text
    espeak-ng -v "$2" -p "$3" -s "$4" -g 2 --stdout "$5" |
        ffmpeg -v error -y -i - -ac 1 -ar 48000 \
            -af "silenceremove=start_periods=1:start_threshold=-45dB,highpass=f=80,dynaudnorm=f=250:p=0.7:m=6" \
            -c:a libopus -b:a 32k -application voip -map_metadata -1 -fflags +bitexact "$1"
}

speak ada.ogg en-gb 62 175 "Hello everybody, this is Ada. Each of you sends one picture and hears one sound. \
The room in the middle puts them together."
speak minjun.ogg ko 38 200 "안녕하세요, 저는 민준입니다. 우리는 지금 같은 방에 모여 있어요. \
모두의 화면이 하나의 그림으로 보입니다."
speak zoe.ogg fr-fr+f3 70 160 "Bonjour, ici Zoé. Je vous vois tous dans une seule image. \
Le son de chacun arrive sans son propre écho."
speak julia.ogg ru+f2 50 160 "Здравствуйте, меня зовут Юлия. Нас здесь четверо, и говорим мы по очереди. \
Всё это записывается на сервере."
