/* What the gateway does with many calls, done by pjsip's own C library and nothing else.
 *
 *   calls PORT RATE CALLS URI WAVS
 *
 * Calls sip:0@URI, sip:1@URI, … one every 20 ms, plays WAVS/0.wav, WAVS/1.wav, … to them, each by a
 * player of its own, and ends with stdin. The settings that cost processor are those of the
 * gateway: the bridge's rate, no sound device, one thread for SIP and one for media.
 */
#include <pjsua-lib/pjsua.h>

static const char *wavs;

static void on_media(pjsua_call_id id)
{
    pjsua_call_info info;
    pjsua_player_id player;
    char path[512];
    pj_str_t name;
    pjsua_call_get_info(id, &info);
    int number = (int)(pj_ssize_t)pjsua_call_get_user_data(id) - 1;
    if (info.media_status != PJSUA_CALL_MEDIA_ACTIVE || number < 0)
        return;
    snprintf(path, sizeof path, "%s/%d.wav", wavs, number);
    name = pj_str(path);
    if (pjsua_player_create(&name, PJMEDIA_FILE_NO_LOOP, &player) == PJ_SUCCESS)
        pjsua_conf_connect(pjsua_player_get_conf_port(player), info.conf_slot);
}

static void start(int port, int rate)
{
    pjsua_config config;
    pjsua_logging_config logging;
    pjsua_media_config media;
    pjsua_transport_config transport;
    pjsua_codec_info codecs[32];
    unsigned count = PJ_ARRAY_SIZE(codecs);
    pjsua_create();
    pjsua_config_default(&config);
    config.max_calls = 512;
    config.thread_cnt = 1;
    config.cb.on_call_media_state = on_media;
    pjsua_logging_config_default(&logging);
    logging.level = logging.console_level = 1;
    pjsua_media_config_default(&media);
    media.clock_rate = rate;
    media.thread_cnt = 1;
    media.ec_tail_len = 0;
    media.quality = 4; /* of the resampler: what costs processor is as in the gateway */
    media.no_vad = PJ_TRUE;
    media.snd_auto_close_time = -1;
    pjsua_init(&config, &logging, &media);
    pjsua_transport_config_default(&transport);
    transport.port = port;
    transport.bound_addr = pj_str("127.0.0.1");
    pjsua_transport_create(PJSIP_TRANSPORT_UDP, &transport, NULL);
    pjsua_start();
    pjsua_set_null_snd_dev();
    pjsua_enum_codecs(codecs, &count);
    for (unsigned i = 0; i < count; i++)
        pjsua_codec_set_priority(&codecs[i].codec_id,
                                 pj_strnicmp2(&codecs[i].codec_id, "PCMU", 4) == 0 ? 255 : 0);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    int port = atoi(argv[1]), calls = atoi(argv[3]);
    wavs = argv[5];
    start(port, atoi(argv[2]));
    pjsua_acc_config config;
    pjsua_acc_id account;
    char text[256];
    pjsua_acc_config_default(&config);
    snprintf(text, sizeof text, "sip:house@127.0.0.1:%d", port);
    config.id = pj_str(text);
    config.rtp_cfg.port = 20000 + port % 20000;
    config.rtp_cfg.bound_addr = pj_str("127.0.0.1");
    if (pjsua_acc_add(&config, PJ_TRUE, &account) != PJ_SUCCESS)
        return 1;
    for (int i = 0; i < calls; i++) {
        char uri[256];
        snprintf(uri, sizeof uri, "sip:%d@%s", i, argv[4]);
        pj_str_t to = pj_str(uri);
        if (pjsua_call_make_call(account, &to, NULL, (void *)(pj_ssize_t)(i + 1), NULL, NULL))
            return 1;
        pj_thread_sleep(20);
    }
    while (getchar() != EOF)
        ;
    pjsua_destroy();
    return 0;
}
