// Duktape itself, with what its table of built-ins names and the options (duk_config.h) leave out.

#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include "duktape.c"

static duk_ret_t left_out(duk_context *duk) {
  return duk_error(duk, DUK_ERR_TYPE_ERROR, "boards do not have this: it is no part of the board language");
}

#define LEFT_OUT(name) \
  DUK_INTERNAL duk_ret_t name(duk_context *duk) { \
    return left_out(duk); \
  }

LEFT_OUT(duk_bi_cbor_decode)
LEFT_OUT(duk_bi_cbor_encode)
LEFT_OUT(duk_bi_date_constructor)
LEFT_OUT(duk_bi_date_constructor_now)
LEFT_OUT(duk_bi_date_constructor_parse)
LEFT_OUT(duk_bi_date_constructor_utc)
LEFT_OUT(duk_bi_date_prototype_get_shared)
LEFT_OUT(duk_bi_date_prototype_get_timezone_offset)
LEFT_OUT(duk_bi_date_prototype_set_shared)
LEFT_OUT(duk_bi_date_prototype_set_time)
LEFT_OUT(duk_bi_date_prototype_to_json)
LEFT_OUT(duk_bi_date_prototype_toprimitive)
LEFT_OUT(duk_bi_date_prototype_tostring_shared)
LEFT_OUT(duk_bi_date_prototype_value_of)
LEFT_OUT(duk_bi_duktape_object_act)
LEFT_OUT(duk_bi_duktape_object_compact)
LEFT_OUT(duk_bi_duktape_object_dec)
LEFT_OUT(duk_bi_duktape_object_enc)
LEFT_OUT(duk_bi_duktape_object_fin)
LEFT_OUT(duk_bi_duktape_object_gc)
LEFT_OUT(duk_bi_duktape_object_info)
LEFT_OUT(duk_bi_function_prototype_hasinstance)
LEFT_OUT(duk_bi_json_object_parse)
LEFT_OUT(duk_bi_json_object_stringify)
LEFT_OUT(duk_bi_performance_now)
LEFT_OUT(duk_bi_proxy_constructor)
LEFT_OUT(duk_bi_reflect_object_delete_property)
LEFT_OUT(duk_bi_reflect_object_get)
LEFT_OUT(duk_bi_reflect_object_has)
LEFT_OUT(duk_bi_reflect_object_set)
LEFT_OUT(duk_bi_regexp_constructor)
LEFT_OUT(duk_bi_regexp_prototype_exec)
LEFT_OUT(duk_bi_regexp_prototype_flags)
LEFT_OUT(duk_bi_regexp_prototype_shared_getter)
LEFT_OUT(duk_bi_regexp_prototype_test)
LEFT_OUT(duk_bi_regexp_prototype_tostring)
LEFT_OUT(duk_bi_string_prototype_match)
LEFT_OUT(duk_bi_string_prototype_search)
LEFT_OUT(duk_bi_symbol_constructor_shared)
LEFT_OUT(duk_bi_symbol_key_for)
LEFT_OUT(duk_bi_symbol_toprimitive)
LEFT_OUT(duk_bi_symbol_tostring_shared)
LEFT_OUT(duk_bi_textdecoder_constructor)
LEFT_OUT(duk_bi_textdecoder_prototype_decode)
LEFT_OUT(duk_bi_textdecoder_prototype_shared_getter)
LEFT_OUT(duk_bi_textencoder_constructor)
LEFT_OUT(duk_bi_textencoder_prototype_encode)
LEFT_OUT(duk_bi_textencoder_prototype_encoding_getter)
LEFT_OUT(duk_bi_thread_constructor)
LEFT_OUT(duk_bi_thread_current)
LEFT_OUT(duk_bi_thread_resume)
LEFT_OUT(duk_bi_thread_yield)
